/**
 * A user's mail without a master: what is added, moved and deleted reaches a backup in rounds, at
 * times of the test's choosing, and the alarm looks at each round. Always the same for one seed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Backup } from '../../src/backup/backup.ts';
import { RetentionRules } from '../../src/config/retentionRules.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { Flag, KeyValues } from '../../src/protocol/dlist.ts';
import { Alarms } from '../../src/server/alarm/alarms.ts';

const START_S = 1_790_000_000;

export interface Folder {
  name: string;
  readonly uniqueid: string;
  lastUid: number;
  readonly living: Map<number, string>;
}

/** A user's mail, and the rounds in which a master tells of it. */
export class MadeUser {
  readonly folder = mkdtempSync(join(tmpdir(), 'alarm-'));
  readonly folders = new Map<string, Folder>();
  readonly raised: { lost: number; usual: number; left: number; hold: string }[] = [];
  readonly hookFailures: string[] = [];
  nowS = START_S;
  readonly #random: () => number;
  readonly #alarms: Alarms;
  #backup: Backup | undefined;
  #guids = 0;
  #modseq = 1;
  #pending: { name: string; value: KeyValues }[] = [];

  constructor(seed: number, command?: readonly string[]) {
    let state = seed;
    this.#random = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
    this.#alarms = new Alarms({
      databasePath: join(this.folder, 'backups.db'),
      catalog: { transaction: (work) => work() },
      status: undefined,
      deletedPrefix: 'DELETED',
      leastMessages: 100,
      command,
      log: {
        alarm: (fields) => void this.raised.push(fields),
        hookFailed: (reason) => void this.hookFailures.push(reason),
      },
    });
  }

  get held(): string | null {
    return new RetentionRules(join(this.folder, 'backups.db')).holdOf('anne');
  }

  upTo(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }

  folderOf(name: string): Folder {
    let folder = this.folders.get(name);
    if (folder === undefined) {
      folder = { name, uniqueid: `id-${this.folders.size}-${name}`, lastUid: 0, living: new Map() };
      this.folders.set(name, folder);
    }
    return folder;
  }

  /** New messages, or the given ones. */
  add(name: string, count: number, guids?: readonly string[]): void {
    const folder = this.folderOf(name);
    const records: KeyValues[] = [];
    for (let at = 0; at < count; at += 1) {
      const guid = guids?.[at] ?? (this.#guids += 1).toString(16).padStart(40, '0');
      folder.living.set((folder.lastUid += 1), guid);
      records.push(this.#record(folder.lastUid, guid, false));
    }
    this.#say(folder, records);
  }

  /** Expunges the oldest messages of a folder, and returns their GUIDs. */
  expunge(name: string, count: number): string[] {
    const folder = this.folderOf(name);
    const some = [...folder.living].slice(0, count);
    for (const [uid] of some) folder.living.delete(uid);
    this.#say(
      folder,
      some.map(([uid, guid]) => this.#record(uid, guid, true)),
    );
    return some.map(([, guid]) => guid);
  }

  /** The master may tell of either folder first. */
  move(from: string, to: string, count: number): void {
    const guids = this.expunge(from, count);
    if (guids.length > 0) this.add(to, guids.length, guids);
    if (this.#random() < 0.5) this.#pending.reverse();
  }

  rename(from: string, to: string): void {
    const folder = this.folderOf(from);
    this.folders.delete(from);
    folder.name = to;
    this.folders.set(to, folder);
    const value = new KeyValues([
      ['OLDMBOXNAME', from],
      ['NEWMBOXNAME', to],
      ['PARTITION', 'default'],
      ['UIDVALIDITY', '1'],
    ]);
    this.#pending.push({ name: 'RENAME', value });
  }

  /** One round of the master. Returns how many alarms it raised. */
  async round(): Promise<number> {
    const before = this.raised.length;
    const beganS = (this.nowS += 60);
    this.#backup ??= await this.#open();
    for (const { name, value } of this.#pending) await this.#backup.append({ time: this.nowS, name, value });
    this.#pending = [];
    this.nowS += 1;
    this.#alarms.roundEnded('anne', this.#backup.index, { beganS, nowS: this.nowS });
    return this.raised.length - before;
  }

  async close(): Promise<void> {
    await this.#backup?.close();
    rmSync(this.folder, { recursive: true });
  }

  async #open(): Promise<Backup> {
    const path = join(this.folder, 'anne_data00');
    (await LockedFile.acquire(path, { create: true })).release();
    const options = { stagingDirectory: this.folder, compressionLevel: 1, lockTimeoutMs: 0 };
    return Backup.open('anne', path, options, () => undefined);
  }

  #record(uid: number, guid: string, isExpunged: boolean): KeyValues {
    return new KeyValues([
      ['UID', String(uid)],
      ['MODSEQ', String((this.#modseq += 1))],
      ['LAST_UPDATED', String(this.nowS)],
      ['FLAGS', isExpunged ? [Flag.of('\\Expunged')] : []],
      ['INTERNALDATE', String(this.nowS)],
      ['SIZE', '100'],
      ['GUID', guid],
    ]);
  }

  #say(folder: Folder, records: KeyValues[]): void {
    const value = new KeyValues([
      ['UNIQUEID', folder.uniqueid],
      ['MBOXNAME', folder.name],
      ['LAST_UID', String(folder.lastUid)],
      ['HIGHESTMODSEQ', String(this.#modseq)],
      ['UIDVALIDITY', '1'],
      ['RECORD', records],
    ]);
    this.#pending.push({ name: 'MAILBOX', value });
  }
}
