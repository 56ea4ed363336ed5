/** A small backup, written as backupd would: two sessions, three messages, a subscription. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Backup } from '../../src/backup/backup.ts';
import type { MessageSource } from '../../src/backup/lines/messageSource.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import { loadConfig } from '../../src/config/imapdConf.ts';
import { writableCatalog } from '../../src/catalog/catalogOptions.ts';
import { inboxOf } from '../../src/mailbox/names.ts';
import { FileLiteral, KeyValues } from '../../src/protocol/dlist.ts';

export const START_TIME = 1_795_382_905;

export const MESSAGES = [
  Buffer.from('From: a@example.com\r\nSubject: one\r\n\r\nHello\r\n'),
  Buffer.from('From: b@example.com\r\nSubject: NUL\r\n\r\nbefore\0after\xff\r\n', 'latin1'),
  Buffer.alloc(600_000, 'From: c@example.com\r\nX-Filler: 0123456789\r\n'),
] as const;

export function guidOf(message: Buffer): string {
  return createHash('sha1').update(message).digest('hex');
}

function source(message: Buffer): MessageSource {
  const file = new FileLiteral('default', guidOf(message), message.length);
  return { kind: 'copy', file, read: (offset, sizeBytes) => message.subarray(offset, offset + sizeBytes) };
}

function record(uid: number): KeyValues {
  const message = MESSAGES[uid - 1] as Buffer;
  return new KeyValues([
    ['UID', String(uid)],
    ['MODSEQ', String(uid + 1)],
    ['LAST_UPDATED', String(START_TIME)],
    ['FLAGS', []],
    ['INTERNALDATE', String(START_TIME)],
    ['SIZE', String(message.length)],
    ['GUID', guidOf(message)],
  ]);
}

function mailbox(uniqueid: string, name: string, uids: number[]): KeyValues {
  return new KeyValues([
    ['UNIQUEID', uniqueid],
    ['MBOXNAME', name],
    ['LAST_UID', String(uids.at(-1) ?? 0)],
    ['HIGHESTMODSEQ', String((uids.at(-1) ?? 0) + 1)],
    ['LAST_APPENDDATE', uids.length === 0 ? '0' : String(START_TIME)],
    ['UIDVALIDITY', '1'],
    ['RECORD', uids.map(record)],
  ]);
}

/** Two chunks of a user's mail into an empty data file. */
async function writeSample(
  userid: string,
  path: string,
  stagingDirectory: string,
  compressionLevel: number,
): Promise<void> {
  const options = { stagingDirectory, compressionLevel, lockTimeoutMs: 0 };
  const backup = await Backup.open(userid, path, options, () => undefined);
  const [first, second, third] = MESSAGES;
  const inbox = inboxOf(userid);
  await backup.append(
    { time: START_TIME, name: 'MAILBOX', value: mailbox(`${userid}-inbox`, inbox, [1, 2]) },
    [source(first), source(second)],
  );
  await backup.endChunk();
  const work = mailbox(`${userid}-work`, `${inbox}.Work`, [3]);
  await backup.append({ time: START_TIME + 60, name: 'MAILBOX', value: work }, [source(third)]);
  const subscription = new KeyValues([
    ['USERID', userid],
    ['MBOXNAME', inbox],
  ]);
  await backup.append({ time: START_TIME + 61, name: 'SUB', value: subscription });
  await backup.close();
}

/** A configuration with a backup of each user, and what a command writes. */
export class SampleSite {
  readonly folder = mkdtempSync(join(tmpdir(), 'site-'));
  readonly config = join(this.folder, 'imapd.conf');
  readonly #paths = new Map<string, string>();

  static async create(userids: readonly string[], compressionLevel = 6): Promise<SampleSite> {
    const site = new SampleSite();
    mkdirSync(join(site.folder, 'conf'));
    const lines = [
      `configdirectory: ${site.folder}/conf`,
      `backuppartition-one: ${site.folder}/data`,
      'virtdomains: userid',
    ];
    writeFileSync(site.config, `${lines.join('\n')}\n`);
    const catalog = Catalog.open(writableCatalog(loadConfig(site.config)));
    try {
      for (const userid of userids) {
        const path = catalog.create(userid);
        site.#paths.set(userid, path);
        await writeSample(userid, path, site.folder, compressionLevel);
      }
    } finally {
      catalog.close();
    }
    return site;
  }

  pathOf(userid: string): string {
    return this.#paths.get(userid) as string;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Streams that keep what is written to them. */
export class Capture {
  readonly #out: Buffer[] = [];
  readonly #err: string[] = [];
  readonly stdout = {
    write: (text: string | Uint8Array): unknown => this.#out.push(Buffer.from(text as Uint8Array)),
  };
  readonly stderr = { write: (text: string): unknown => this.#err.push(text) };

  get bytes(): Buffer {
    return Buffer.concat(this.#out);
  }

  get out(): string {
    return this.bytes.toString();
  }

  get err(): string {
    return this.#err.join('');
  }
}
