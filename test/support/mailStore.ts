/**
 * A store on disk with one of everything that a mount shows: living and expunged mail, a history
 * with known times, folders whose names are traps, a deleted mailbox, scripts and subscriptions. It
 * is written by our own backup code, without a server.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { CatalogOptions } from '../../src/catalog/catalog.ts';
import type { Backup } from '../../src/backup/backup.ts';
import { BackupSite, START, appendMailbox, guidOf, line, mailboxText } from './backups.ts';

/** The settings of a mount without options, except for the catalogue and the owner. */
export const treeSettings = {
  deletedPrefix: 'DELETED',
  view: 'plain',
  listsAll: false,
  hardlinks: false,
  at: undefined,
  users: [],
  snapshot: false,
  ownerMap: undefined,
} as const;

/**
 * A message of CRLF lines. Number 3 has lines that an mbox must quote; number 4 is longer than a
 * block.
 */
export function mailNumber(number: number): Buffer {
  const lines = [
    'From: Carl <carl@example.com>',
    'To: anne@example.com',
    `Subject: number ${number}`,
    `Date: Tue, 14 Nov 2023 22:${String(13 + number).padStart(2, '0')}:20 +0000`,
    `Message-ID: <${number}@example.com>`,
    '',
    `The body of number ${number}.`,
  ];
  if (number === 3) lines.push('From here on it is quoted.', '>From here, too.', 'Not From here.');
  if (number === 4)
    for (let at = 0; at < 9000; at += 1) lines.push(at % 50 === 0 ? `From ${at}` : `line ${at} of it`);
  return Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1');
}

function uniqueidOf(name: string): string {
  return `id-${name.replaceAll(/[^a-z0-9]/gi, '-')}`;
}

export class MailStore {
  readonly site = new BackupSite();
  readonly conf: string;
  readonly catalogOptions: CatalogOptions;
  readonly #backups = new Map<string, Backup>();

  constructor() {
    const { folder } = this.site;
    const partition = join(folder, 'partition');
    mkdirSync(partition);
    this.conf = join(folder, 'imapd.conf');
    const lines = [
      `configdirectory: ${folder}`,
      `backup_db_path: ${folder}/backups.db`,
      `backuppartition-default: ${partition}`,
      'defaultbackuppartition: default',
    ];
    writeFileSync(this.conf, `${lines.join('\n')}\n`);
    const choice = { mode: 'freespace-most' as const, exclude: [], softUsageLimitPercent: 0, usageReinit: 0 };
    this.catalogOptions = {
      databasePath: join(folder, 'backups.db'),
      fullDirHash: false,
      partitions: new Map([['default', partition]]),
      ...choice,
    };
  }

  async backup(userid: string): Promise<Backup> {
    const known = this.#backups.get(userid);
    if (known !== undefined) return known;
    const catalog = Catalog.open(this.catalogOptions);
    const backup = await this.site.open(catalog.create(userid));
    catalog.close();
    this.#backups.set(userid, backup);
    return backup;
  }

  /** Appends a line to the log at START + time. */
  async say(userid: string, time: number, name: string, value: string): Promise<void> {
    await (await this.backup(userid)).append(line(START + time, name, value));
  }

  /** Adds a mailbox with messages, each given as UID, number and flags. */
  async put(
    userid: string,
    time: number,
    name: string,
    messages: readonly (readonly [uid: number, number: number, flags?: string])[],
  ): Promise<void> {
    const records = messages.map(([uid, number, flags = '']) => ({
      uid,
      flags,
      message: mailNumber(number),
    }));
    const fields = { uniqueid: uniqueidOf(name), name, records };
    await appendMailbox(this.site, await this.backup(userid), START + time, fields);
  }

  /** Sets other flags on existing messages. */
  async flag(
    userid: string,
    time: number,
    name: string,
    messages: readonly (readonly [uid: number, number: number, flags: string])[],
  ): Promise<void> {
    const records = messages.map(([uid, number, flags]) => ({
      uid,
      flags,
      modseq: 1000 + time,
      message: mailNumber(number),
    }));
    const text = mailboxText({ uniqueid: uniqueidOf(name), name, records, modseq: 1000 + time });
    await this.say(userid, time, 'MAILBOX', text);
  }

  remove(): Promise<void> {
    return this.site.remove();
  }
}

/** Makes anne's backup, in steps of 100 seconds from START on. */
export async function annesStore(): Promise<MailStore> {
  const store = new MailStore();
  await store.put('anne', 0, 'user.anne', [
    [1, 1, '\\Seen'],
    [2, 2, '\\Seen \\Answered $Work'],
    [3, 3, '\\Flagged'],
  ]);
  await store.put('anne', 100, 'user.anne.2024', [
    [7, 1],
    [9, 4, '\\Seen $Forwarded'],
  ]);
  await store.put('anne', 200, 'user.anne.2024.v1^2 plans', [[1, 5]]);
  await store.put('anne', 200, 'user.anne.deleted', [[1, 6]]);
  await store.flag('anne', 300, 'user.anne', [[1, 1, '\\Expunged']]);
  await store.put('anne', 400, 'user.anne.Old', [[4, 7]]);
  await store.say('anne', 500, 'UNMAILBOX', 'user.anne.Old');
  await store.put('anne', 500, 'DELETED.user.anne.Gone.5F000000', [[1, 8]]);
  const text = 'keep;\r\n';
  const script = `CONTENT {${text.length}+}\r\n${text}`;
  await store.say(
    'anne',
    600,
    'SIEVE',
    `%(USERID anne FILENAME vacation.script LAST_UPDATE ${START} ${script} GUID ${guidOf(text)})`,
  );
  await store.say('anne', 610, 'ACTIVATE_SIEVE', '%(USERID anne FILENAME vacation.bc)');
  await store.say('anne', 620, 'SUB', '%(USERID anne MBOXNAME user.anne.2024)');
  await store.say('anne', 630, 'SUB', '%(USERID anne MBOXNAME user.bob.Plans)');
  await store.flag('anne', 700, 'user.anne', [[3, 3, '\\Seen \\Flagged']]);
  await store.put('bob', 0, 'user.bob', [[1, 9]]);
  return store;
}
