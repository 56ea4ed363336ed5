/**
 * What happens to a backup while the recorder runs: sessions of appends, an append that fails half
 * way, a compaction, a repair. Each scenario returns the disk operations, what the backup held
 * after each acknowledged line, and the index at those times.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backup } from '../../../src/backup/backup.ts';
import { compactBackup } from '../../../src/backup/compact/compact.ts';
import { repairBackup } from '../../../src/backup/verify/repair.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import type { MessageSource } from '../../../src/backup/lines/messageSource.ts';
import { FileLiteral } from '../../../src/protocol/dlist.ts';
import { BackupSite, START, bytesOf, guidOf, line, mailboxLine } from '../../support/backups.ts';
import { randomFrom } from '../../support/random.ts';
import { mark, refuseNextSync, startRecording, stopRecording } from './recorder.ts';
import type { Operation } from './recorder.ts';
import { stateOf } from './state.ts';

export interface Scenario {
  readonly name: 'append' | 'compact' | 'repair';
  readonly path: string;
  /** The files on disk before the first operation. */
  readonly start: Map<string, { ino: number; bytes: Buffer }>;
  readonly operations: readonly Operation[];
  /** What the backup holds after each number of appends. */
  readonly states: readonly string[];
  /** In the order in which they were made. */
  readonly indexes: readonly Buffer[];
}

/** Writes a backup, and records what it held after each append. */
class Session {
  readonly site = new BackupSite();
  readonly path: string;
  readonly states: string[] = [];
  readonly indexes: Buffer[] = [];
  readonly #random: () => number;
  #backup: Backup | null = null;
  #uid = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.path = this.site.path();
  }

  async open(): Promise<Backup> {
    this.#backup = await this.site.open(this.path);
    if (this.states.length === 0) this.#note();
    return this.#backup;
  }

  /**
   * Appends a line of a random kind and size: a small one, one with many records, or one with
   * messages in segments, as copies, or both.
   */
  async append(): Promise<void> {
    const backup = this.#backup ?? (await this.open());
    mark(`append:${this.states.length}`);
    const at = this.states.length;
    const kind = this.#random();
    if (kind < 0.4) await backup.append(line(START + at, 'SUB', `%(USERID anne MBOXNAME user.anne.s${at})`));
    else if (kind < 0.5) await this.#appendMany(backup, at);
    else await this.#appendMessages(backup, at);
    this.#note();
  }

  /**
   * Appends a line whose sync fails after its bytes have been written. The backup must remove what
   * was written.
   */
  async appendRefused(): Promise<void> {
    const backup = this.#backup ?? (await this.open());
    const message = bytesOf(7000 + this.states.length, Math.floor(this.#random() * 9000));
    const segment = await this.site.segment(message);
    const fields = { uniqueid: 'refused', name: 'user.anne.refused', records: [{ uid: 1, message }] };
    mark('refused');
    refuseNextSync();
    const refused = await backup.append(mailboxLine(START + this.states.length, fields), [segment]).then(
      () => false,
      () => true,
    );
    if (!refused) throw new Error('the sync was to fail');
  }

  async end(): Promise<void> {
    mark('end');
    await this.#backup?.endChunk();
    this.#note(true);
  }

  async reopen(): Promise<void> {
    await this.close();
    mark('end');
    await this.open();
    this.#note(true);
  }

  async close(): Promise<void> {
    if (this.#backup !== null) await this.site.close(this.#backup);
    this.#backup = null;
  }

  /**
   * Appends a mailbox of many expunged records, whose messages the backup lacks: a line of several
   * sectors.
   */
  async #appendMany(backup: Backup, at: number): Promise<void> {
    const count = 5 + Math.floor(this.#random() * 100);
    const records = Array.from({ length: count }, (_, index) => {
      return { uid: index + 1, message: Buffer.from(`expunged ${at} ${index}`), flags: '\\Expunged' };
    });
    await backup.append(mailboxLine(START + at, { uniqueid: `u${at}`, name: `user.anne.m${at}`, records }));
  }

  async #appendMessages(backup: Backup, at: number): Promise<void> {
    const sizes = this.#random() < 0.1 ? [40_000, 150_000] : [90, 700, 3000, 9000];
    const count = 1 + Math.floor(this.#random() * 4);
    const messages = Array.from({ length: count }, (_, index) => {
      const size = sizes[Math.floor(this.#random() * sizes.length)] ?? 90;
      return bytesOf(100 * at + index, size + Math.floor(this.#random() * 500));
    });
    const half = Math.floor(this.#random() * (count + 1));
    const sources = [
      ...(half === 0 ? [] : [await this.site.segment(...messages.slice(0, half))]),
      ...messages.slice(half).map((message) => copyOf(message)),
    ];
    const records = messages.map((message) => ({ uid: (this.#uid += 1), message }));
    await backup.append(
      mailboxLine(START + at, { uniqueid: `u${at}`, name: `user.anne.m${at}`, records }),
      sources,
    );
  }

  #note(isSame = false): void {
    const backup = this.#backup as Backup;
    if (!isSame) this.states.push(stateOf(backup.index));
    const copy = join(this.site.folder, 'copy.index');
    backup.index.copyTo(copy);
    mark(`index:${this.indexes.length}`);
    this.indexes.push(readFileSync(copy));
  }

  scenario(name: Scenario['name'], start: Scenario['start'], operations: readonly Operation[]): Scenario {
    return { name, path: this.path, start, operations, states: this.states, indexes: this.indexes };
  }

  /** The files as they are now on the recorded disk. */
  start(): Scenario['start'] {
    return new Map([[this.path, { ino: statSync(this.path).ino, bytes: readFileSync(this.path) }]]);
  }
}

function copyOf(message: Buffer): MessageSource {
  return {
    kind: 'copy',
    file: new FileLiteral('default', guidOf(message), message.length),
    read: (offset, sizeBytes) => message.subarray(offset, offset + sizeBytes),
  };
}

/** Runs sessions that append, end their chunks and begin new ones. Some lines fail half way. */
async function appending(
  seed: number,
  appends: number,
): Promise<{ session: Session; start: Scenario['start']; operations: Operation[] }> {
  const random = randomFrom(seed);
  const session = new Session(seed);
  const start = session.start();
  startRecording(session.site.folder);
  await session.open();
  for (let count = 0; count < appends; count += 1) {
    await session.append();
    const chance = random();
    if (chance < 0.1) await session.end();
    else if (chance < 0.2) await session.appendRefused();
    else if (chance < 0.25) await session.reopen();
  }
  return { session, start, operations: stopRecording() };
}

export async function appendScenario(seed: number, appends: number): Promise<Scenario> {
  const { session, start, operations } = await appending(seed, appends);
  try {
    await session.close();
    return session.scenario('append', start, operations);
  } finally {
    await session.site.remove();
  }
}

/** A compaction of some sessions, from its beginning to its end. */
export async function compactScenario(seed: number, appends: number): Promise<Scenario> {
  return afterwards('compact', seed, appends, async ({ path }) => {
    await compactBackup({
      path,
      horizon: -1,
      sizes: { min: 0, max: 0 },
      workThreshold: 1,
      isForced: true,
      mayDropMost: true,
      keepsPrevious: false,
      compressionLevel: 6,
      lock: {},
      swapWait: { timeoutMs: 0 },
      notice: () => undefined,
      detail: () => undefined,
    });
  });
}

/** A repair of a backup in which a chunk's gzip header is damaged, but all data is whole. */
export async function repairScenario(seed: number, appends: number): Promise<Scenario> {
  return afterwards('repair', seed, appends, async ({ path, site }) => {
    const file = await LockedFile.acquire(path);
    try {
      await repairBackup(file, site.options, () => undefined);
    } finally {
      file.release();
    }
  });
}

async function afterwards(
  name: 'compact' | 'repair',
  seed: number,
  appends: number,
  work: (session: Session) => Promise<void>,
): Promise<Scenario> {
  const { session } = await appending(seed, appends);
  try {
    await session.close();
    if (name === 'repair') damageHeader(session.path);
    const start = session.start();
    const last = session.states.length - 1;
    const indexes = [readFileSync(`${session.path}.index`)];
    startRecording(session.site.folder);
    await work(session);
    const operations = stopRecording();
    indexes.push(readFileSync(`${session.path}.index`));
    const state = session.states[last] as string;
    return {
      ...session.scenario(name, start, operations),
      states: Array(last + 1).fill(state) as string[],
      indexes,
    };
  } finally {
    stopRecording();
    await session.site.remove();
  }
}

function damageHeader(path: string): void {
  const bytes = readFileSync(path);
  bytes[1] = 0;
  writeFileSync(path, bytes);
}
