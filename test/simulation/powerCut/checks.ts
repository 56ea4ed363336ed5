/** Checks a backup that is opened after a power cut. Each check returns what is wrong, or null. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Backup } from '../../../src/backup/backup.ts';
import { compactBackup } from '../../../src/backup/compact/compact.ts';
import { verifyBackup } from '../../../src/backup/verify/verify.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { START, line } from '../../support/backups.ts';
import { stateOf } from './state.ts';
import type { Files } from './disk.ts';

/** The files of a crashed backup. */
export interface Crashed {
  readonly path: string;
  readonly files: Files;
  /** null if there is none. */
  readonly index: Buffer | null;
}

export const FAULTS = [
  'threw',
  'lost or invented',
  'called damaged',
  'not kept',
  'unsteady',
  'unusable',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Finding {
  readonly fault: Fault;
  readonly details: string;
}

const SUFFIXES = [
  '',
  '.index',
  '.index-wal',
  '.index-shm',
  '.index.new',
  '.torn',
  '.new',
  '.new.index',
  '.repair',
  '.repair.index',
];

function removeBackup(path: string): void {
  for (const suffix of SUFFIXES) rmSync(path + suffix, { force: true });
}

/** Writes the files to disk under another name. */
export function putCrashed({ path, files, index }: Crashed, place: string): void {
  removeBackup(place);
  for (const [name, bytes] of files) {
    if (name.startsWith(path)) writeFileSync(place + name.slice(path.length), bytes);
  }
  if (index !== null) writeFileSync(`${place}.index`, index);
}

function openBackup(place: string, notices: string[]): Promise<Backup> {
  const folder = place.slice(0, place.lastIndexOf('/'));
  const options = { stagingDirectory: folder, compressionLevel: 6, lockTimeoutMs: 0 };
  return Backup.open('anne', place, options, (message) => notices.push(message));
}

/** Opens a crashed backup once, as backupd would. */
export async function recover(place: string): Promise<void> {
  await (await openBackup(place, [])).close();
}

/**
 * Opens, verifies and reopens a crashed backup. With `isUsed` it also appends and compacts. The
 * backup must be in one of `states`.
 */
export async function check(
  crashed: Crashed,
  place: string,
  states: readonly string[],
  options: { readonly isDamaged?: boolean; readonly isUsed?: boolean } = {},
): Promise<Finding | null> {
  const notices: string[] = [];
  const say = (fault: Fault, details: unknown): Finding => ({
    fault,
    details: `${String(details)}; ${notices.join('; ')}`,
  });
  try {
    const opened = await openBackup(place, notices);
    const state = stateOf(opened.index);
    await opened.close();
    if (!states.includes(state)) return say('lost or invented', '');
    const found = await verified(place);
    if (options.isDamaged !== true && found !== '') return say('called damaged', found);
    const cut = keptAside(crashed, place);
    if (cut !== null) return say('not kept', cut);
    const before = readFileSync(place);
    const again: string[] = [];
    await (await openBackup(place, again)).close();
    if (again.length > 0 || !readFileSync(place).equals(before)) return say('unsteady', again.join());
    const unusable = options.isUsed === true ? await used(place) : null;
    return unusable === null ? null : say('unusable', unusable);
  } catch (error) {
    return say('threw', (error as Error).stack);
  }
}

async function verified(place: string): Promise<string> {
  const file = await LockedFile.acquire(place);
  try {
    const found = await verifyBackup(file, () => undefined, { readsAll: true });
    const inChunks = found.chunks.flatMap(({ checksums, messages }) => [
      ...checksums,
      ...messages.map(({ guid }) => guid),
    ]);
    return [...inChunks, ...found.index, ...found.missing].join();
  } finally {
    file.release();
  }
}

/** Whatever was cut off the data file must be at the end of NAME.torn. */
function keptAside({ path, files }: Crashed, place: string): string | null {
  const crashed = files.get(path) ?? Buffer.alloc(0);
  const now = readFileSync(place);
  let same = 0;
  while (same < crashed.length && crashed[same] === now[same]) same += 1;
  if (same === crashed.length) return null;
  let torn: Buffer;
  try {
    torn = readFileSync(`${place}.torn`);
  } catch {
    return `${crashed.length - same} bytes were cut off and are not kept`;
  }
  // The new ending may begin with the same bytes as what was cut off.
  return torn.includes(crashed.subarray(same)) ? null : 'the torn bytes are not those that were cut off';
}

async function used(place: string): Promise<string | null> {
  const opened = await openBackup(place, []);
  await opened.append(line(START + 100_000, 'SUB', '%(USERID anne MBOXNAME user.anne.after)'));
  const state = stateOf(opened.index);
  await opened.close();
  gunzipSync(readFileSync(place));
  const options = {
    horizon: -1,
    sizes: { min: 0, max: 0 },
    workThreshold: 1,
    isForced: true,
    mayDropMost: true,
    keepsPrevious: false,
  };
  const work = {
    compressionLevel: 6,
    lock: {},
    swapWait: { timeoutMs: 0 },
    notice: () => undefined,
    detail: () => undefined,
  };
  await compactBackup({ path: place, ...options, ...work });
  const compacted = await openBackup(place, []);
  const after = stateOf(compacted.index);
  await compacted.close();
  if (after !== state) return 'a compaction has changed what the backup holds';
  const found = await verified(place);
  return found === '' ? null : `after a compaction: ${found}`;
}
