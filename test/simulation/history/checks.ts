/**
 * Checks a user's backup after a power cut or a failed call, while nothing fails. Each check throws
 * a Violation if a promise of the project is broken.
 */
import { gunzipSync } from 'node:zlib';
import { Backup } from '../../../src/backup/backup.ts';
import { BackupReader } from '../../../src/backup/reader.ts';
import { rebuildIndex } from '../../../src/backup/openIndex.ts';
import { verifyBackup } from '../../../src/backup/verify/verify.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { horizon } from '../../../src/index/queries/horizon.ts';
import { chunks } from '../../../src/index/queries/chunks.ts';
import { messageByGuid } from '../../../src/index/queries/messages.ts';
import { lastTimestamp } from '../../../src/index/queries/timestamps.ts';
import { guidOf } from '../../server/made.ts';
import { observed, observedAt } from './observe.ts';
import { textOf } from './model.ts';
import type { UserState } from './model.ts';
import type { SimulatedDisk } from '../disk/simulatedDisk.ts';

export class Violation extends Error {}

/** What a user's backup must hold. */
export interface Expected {
  /** What was acknowledged; after a command whose outcome is unknown, also what it would have made. */
  states: readonly UserState[];
  /** Each acknowledged state with the time of its line, in order. */
  history: readonly { readonly time: number; readonly text: string }[];
  /** The time of the last line. */
  lastTime: number;
}

export interface Checked {
  readonly state: UserState;
  readonly lastTime: number;
}

export interface CheckOptions {
  readonly userid: string;
  readonly path: string;
  readonly stagingDirectory: string;
  readonly random: () => number;
  /** The index was damaged on purpose. It is folded anew before anything is compared. */
  readonly isIndexDamaged: boolean;
}

export async function checkUser(
  disk: SimulatedDisk,
  expected: Expected,
  options: CheckOptions,
): Promise<Checked> {
  const { path, isIndexDamaged } = options;
  if (isIndexDamaged) await refold(path);
  const { state, lastTime } = await opened(expected, options);
  await requireSound(path);
  const bytes = disk.contentOf(path) ?? Buffer.alloc(0);
  if (bytes.length > 0) gunzipSync(bytes);
  requireMessages(path, state);
  requireHistory(expected, state, lastTime, options);
  const notices: string[] = [];
  await (await open(options, notices)).close();
  const repairs = notices.filter((text) => !text.includes('in the future'));
  if (repairs.length > 0) throw new Violation(`opened again, it says: ${repairs.join('; ')}`);
  if (!(disk.contentOf(path) ?? Buffer.alloc(0)).equals(bytes)) throw new Violation('opening it changes it');
  return { state, lastTime };
}

function open({ userid, path, stagingDirectory }: CheckOptions, notices: string[]): Promise<Backup> {
  const options = { stagingDirectory, compressionLevel: 1, lockTimeoutMs: 0 };
  return Backup.open(userid, path, options, (message) => notices.push(message));
}

async function opened(expected: Expected, options: CheckOptions): Promise<Checked> {
  const backup = await open(options, []);
  try {
    const text = observed(backup.index);
    const state = expected.states.find((each) => textOf(each) === text);
    if (state === undefined) {
      const wanted = expected.states.map(textOf).join('\n--- or\n');
      throw new Violation(`${options.userid} holds\n${text}\n--- instead of\n${wanted}`);
    }
    let time = 0;
    for (const { tsStart, tsEnd } of chunks(backup.index)) {
      if (tsStart < time || tsEnd < tsStart) throw new Violation('times go back');
      time = tsEnd;
    }
    return { state, lastTime: lastTimestamp(backup.index) ?? 0 };
  } finally {
    await backup.close();
  }
}

async function refold(path: string): Promise<void> {
  const file = await LockedFile.acquire(path);
  try {
    (await rebuildIndex(file, () => undefined)).index.close();
  } finally {
    file.release();
  }
}

async function requireSound(path: string): Promise<void> {
  const file = await LockedFile.acquire(path);
  try {
    const found = await verifyBackup(file, () => undefined, { readsAll: true });
    const faults = [
      ...found.chunks.flatMap(({ checksums, messages }) => [
        ...checksums,
        ...messages.map(({ guid }) => `message ${guid}`),
      ]),
      ...found.index,
      ...found.missing,
    ];
    if (faults.length > 0) throw new Violation(`verify says: ${faults.join('; ')}`);
  } finally {
    file.release();
  }
}

/** Reads every message as the mount does, and compares it to the byte. */
export function requireMessages(path: string, state: UserState): void {
  const reader = new BackupReader(path);
  try {
    for (const body of new Set(state.mailboxes.flatMap(({ records }) => records.map(({ body }) => body)))) {
      const message = messageByGuid(reader.index, guidOf(body));
      if (message === undefined) throw new Violation(`message ${guidOf(body)} is missing`);
      const bytes = reader.read(message, 0, message.size);
      if (bytes.toString('latin1') !== body) throw new Violation(`message ${guidOf(body)} has other bytes`);
    }
  } finally {
    reader.close();
  }
}

function requireHistory(
  expected: Expected,
  state: UserState,
  lastTime: number,
  { path, random }: CheckOptions,
): void {
  const history = [...expected.history, { time: lastTime, text: textOf(state) }];
  const reader = new BackupReader(path);
  try {
    const since = horizon(reader.index);
    for (let count = 0; count < 4; count += 1) {
      const at = history[Math.floor(random() * history.length)];
      const time = (at?.time ?? 0) + (random() < 0.5 ? 0 : 1);
      if (time < since) continue;
      const then = history.findLast((each) => each.time <= time);
      const found = observedAt(reader.index, time);
      if (found !== then?.text)
        throw new Violation(`at ${time} it held\n${found}\n--- instead of\n${then?.text}`);
    }
  } finally {
    reader.close();
  }
}
