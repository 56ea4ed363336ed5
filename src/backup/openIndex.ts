/**
 * Brings a data file and its index into step, while the data file is locked. The log is the truth.
 *
 * - Lines that the index lacks are folded. Such lines exist if a process was killed after writing
 *   the log and before the index, or if an original backupd wrote them.
 * - A torn end is cut off and kept in NAME.torn. The last gzip member is then ended, so that the
 *   file is plain gzip.
 * - An index is rebuilt if it is missing, was written by the original backupd, has another version,
 *   or belongs to another data file.
 *
 * Other sessions wait meanwhile, and a chunk may hold gigabytes. Long work therefore runs in steps.
 */
import { BackupError } from '../errors.ts';
import { disk } from '../fs/disk/current.ts';
import type { LockedFile } from '../fs/lockedFile.ts';
import { lastChunk, updateChunk } from '../index/queries/chunks.ts';
import { integrityFaults } from '../index/store/credible.ts';
import { IndexFile } from '../index/store/indexFile.ts';
import { removeIndexFiles } from '../index/store/removeIndexFiles.ts';
import type { Chunk } from '../index/types.ts';
import { MEMBER_TRAILER_BYTES, isTrailerOf } from '../log/format.ts';
import { closeMember, cutTail, saveTail, writeAgain } from '../log/write/recover.ts';
import { ChunkReader } from '../log/read/chunkReader.ts';
import { finish, finishInTurns } from '../log/steps.ts';
import { faultPoint } from './faultPoint.ts';
import { faultOfIndex } from './indexFault.ts';
import { beginIndex, finishIndex, giveBack } from './freshIndex.ts';
import { keepOwner } from '../fs/keepOwner.ts';
import { indexPath } from './options.ts';
import type { Notice } from './options.ts';
import { scanSteps } from './scan/scan.ts';
import type { TornTail, ScanResult } from './scan/scanResult.ts';
import type { ScanOptions } from './scan/scan.ts';

/** The steps in order. The tests kill a reindex after each of them. */
export const REINDEX_STEPS = ['built', 'removed', 'placed'] as const;

const step = (name: (typeof REINDEX_STEPS)[number]): void => faultPoint(`reindex:${name}`);

/**
 * Opens the index, and repairs or rebuilds it if needed. Calls `damaged` if the index was damaged.
 */
export async function openIndexForWriting(
  file: LockedFile,
  notice: Notice,
  damaged: Notice = () => undefined,
): Promise<IndexFile> {
  const path = indexPath(file.path);
  const replaceDamaged = (fault: string): Promise<IndexFile> => {
    damaged(fault);
    return replaceIndex(file, notice, fault);
  };
  let fault: string | null = null;
  const index = IndexFile.open(path, 'write', ({ message }) => (fault = message));
  if (index === null) {
    return fault === null ? replaceIndex(file, notice, 'there is no index of ours') : replaceDamaged(fault);
  }
  try {
    if (await finishInTurns(belongsSteps(index, file.fd))) {
      await catchUp(index, file, notice);
      return index;
    }
  } catch (error) {
    index.close();
    const why = faultOfIndex(error, path);
    if (why !== null) return replaceDamaged(why);
    if (!(error instanceof BackupError && error.kind === 'damaged')) throw error;
    return replaceIndex(file, notice, error.message);
  }
  index.close();
  return replaceIndex(file, notice, 'the index is not of this data file');
}

async function replaceIndex(file: LockedFile, notice: Notice, reason: string): Promise<IndexFile> {
  if (disk.fstat(file.fd).size > 0) notice(`${reason}, building it from the log`);
  const { index } = await rebuildIndex(file, notice);
  return index;
}

/** Reports whether the index describes this file: the last chunk's end, length and CRC-32 match. */
export function belongs(index: IndexFile, fd: number): boolean {
  return finish(belongsSteps(index, fd));
}

/**
 * Runs belongs() in steps, because a damaged trailer of the last chunk makes it read the whole
 * chunk.
 */
function* belongsSteps(index: IndexFile, fd: number): Generator<void, boolean> {
  const last = lastChunk(index);
  if (last === undefined) return true;
  if (disk.fstat(fd).size < last.fileEnd) return false;
  if (last.state !== 'whole') return true;
  const trailer = Buffer.alloc(MEMBER_TRAILER_BYTES);
  disk.read(fd, trailer, 0, trailer.length, last.fileEnd - trailer.length);
  return isTrailerOf(trailer, last.crc32, last.length) || (yield* holdsItsData(last, fd));
}

/** Reports whether the data before a damaged trailer is intact: its CRC-32 matches the index. */
function* holdsItsData({ offset, fileEnd, length, crc32 }: Chunk, fd: number): Generator<void, boolean> {
  const reader = new ChunkReader(fd, offset, fileEnd);
  try {
    yield* reader.streamSteps(length);
    return reader.crc32 === crc32;
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'damaged') return false;
    throw error;
  } finally {
    reader.close();
  }
}

/** Reports whether the index covers the whole data file and the last chunk was ended. */
function isInStep(index: IndexFile, fd: number): boolean {
  const last = lastChunk(index);
  return (last?.fileEnd ?? 0) === disk.fstat(fd).size && (last === undefined || last.state !== 'open');
}

/**
 * Returns an in-memory copy of an index that is small, not being written, and in step with its data
 * file. Returns null if the index file has to be opened instead. The copy is for callers that do
 * not write: for a small index, opening the file would be most of their work.
 */
export function settledIndex(path: string, fd: number): IndexFile | null {
  const index = IndexFile.peek(indexPath(path));
  if (index === null) return null;
  try {
    if (index.isCopy && belongs(index, fd) && isInStep(index, fd)) return index;
  } catch (error) {
    if (faultOfIndex(error, index.path) === null) throw error;
  }
  index.close();
  return null;
}

/** Folds the lines that the index does not have, and repairs the end of the data file. */
async function catchUp(index: IndexFile, file: LockedFile, notice: Notice): Promise<void> {
  const { size } = disk.fstat(file.fd);
  const last = lastChunk(index);
  await writeAgain(file.fd, last?.fileEnd ?? 0, size);
  if (last !== undefined && last.state === 'open') await finishOpenChunk(index, file, last, notice);
  else if (size > (last?.fileEnd ?? 0)) {
    const result = await finishInTurns(scanSteps(index, file.fd, last?.fileEnd ?? 0, size));
    await finishScan(index, file, result, notice);
  }
}

/** Ends a chunk that its session did not end because the process died. */
async function finishOpenChunk(
  index: IndexFile,
  file: LockedFile,
  last: Chunk,
  notice: Notice,
): Promise<void> {
  const { size } = disk.fstat(file.fd);
  if (size === last.fileEnd) {
    const boundary = { length: last.length, fileEnd: last.fileEnd, crc32: last.crc32 };
    const tail = { chunkId: last.id, fileOffset: last.offset, boundary };
    await repairTail(index, file, tail, notice);
    return;
  }
  const result = await finishInTurns(scanSteps(index, file.fd, last.offset, size, { resume: last }));
  await finishScan(index, file, result, notice);
}

async function finishScan(
  index: IndexFile,
  file: LockedFile,
  result: ScanResult,
  notice: Notice,
): Promise<void> {
  if (result.chunks > 0)
    notice(`${result.chunks} chunks with ${result.messages} messages were not in the index`);
  for (const { fileOffset, position, reason, guid } of result.damages) {
    const where = `error reading chunk at offset ${fileOffset}, byte ${position}`;
    notice(`${where}: ${reason}${guid === undefined ? '' : ` ${guid}`}`);
  }
  if (result.tornTail !== null) await repairTail(index, file, result.tornTail, notice);
}

/** Cuts off torn bytes, keeps them in NAME.torn, and ends the member after its last whole line. */
async function repairTail(index: IndexFile, file: LockedFile, tail: TornTail, notice: Notice): Promise<void> {
  const { size } = disk.fstat(file.fd);
  const { fileEnd } = tail.boundary;
  if (size > fileEnd) {
    await saveTail(file.fd, fileEnd, size, `${file.path}.torn`);
    notice(`${size - fileEnd} torn bytes at the end were cut off and kept in ${file.path}.torn`);
  }
  const { chunkId } = tail;
  if (chunkId === null) {
    await cutTail(file.fd, fileEnd);
    return;
  }
  const closed = await closeMember(file.fd, tail.fileOffset, tail.boundary);
  const tsEnd = (lastChunk(index) as Chunk).tsEnd;
  index.transaction(() => updateChunk(index, chunkId, { ...closed, tsEnd, state: 'whole' }));
}

export interface Rebuilt {
  readonly index: IndexFile;
  readonly result: ScanResult;
}

/** Builds a new index from the log in a second file, and renames it into place. */
export async function rebuildIndex(
  file: LockedFile,
  notice: Notice,
  options: ScanOptions = {},
): Promise<Rebuilt> {
  const path = indexPath(file.path);
  const result = await replaceBy(file, notice, options, () => IndexFile.open(path, 'read'));
  const index = IndexFile.open(path, 'write');
  if (index === null) throw new Error(`${path} vanished while it was locked`);
  return { index, result };
}

/** Like rebuildIndex(), for a caller that has no open backup and does not use the new index. */
export async function reindexBackup(file: LockedFile, notice: Notice, options: ScanOptions): Promise<void> {
  await replaceBy(file, notice, options, () => IndexFile.peek(indexPath(file.path)));
}

async function replaceBy(
  file: LockedFile,
  notice: Notice,
  options: ScanOptions,
  openOld: () => IndexFile | null,
): Promise<ScanResult> {
  const path = indexPath(file.path);
  const beside = `${path}.new`;
  const { size } = disk.fstat(file.fd);
  // If the last chunk is known to be ended, an end that looks torn is damage. It stays in the file.
  const isInStepWith = (old: IndexFile): boolean => belongs(old, file.fd) && isInStep(old, file.fd);
  const isEnded = (await ofOld(path, openOld, isInStepWith)) ?? false;
  const build = async (known: IndexFile | null): Promise<Rebuilt> => {
    const index = beginIndex(beside, size);
    try {
      const all = { ...options, isEnded, ...(known === null ? {} : { known }) };
      return { index, result: await finishInTurns(scanSteps(index, file.fd, 0, size, all)) };
    } catch (error) {
      index.close();
      throw error;
    }
  };
  let built: Rebuilt | null = null;
  try {
    built = await build(null);
    const { damages, tornTail } = built.result;
    if (damages.length > 0 || tornTail !== null) {
      // An index from before the damage lists the acknowledged data, and helps to read the rest.
      built.index.close();
      built = null;
      const withOld = (old: IndexFile): Promise<Rebuilt> | null =>
        isSound(old, file.fd) ? build(old) : null;
      built = (await ofOld(path, openOld, withOld)) ?? (await build(null));
    }
    const { index, result } = built;
    await finishScan(index, file, { ...result, chunks: 0 }, notice);
    await finishIndex(index, beside);
    giveBack(index, size);
  } catch (error) {
    built?.index.close();
    removeIndexFiles(beside);
    throw error;
  }
  keepOwner(beside, file.fd);
  step('built');
  // Otherwise SQLite would apply the old index's write-ahead log to the new index.
  removeIndexFiles(path);
  step('removed');
  disk.rename(beside, path);
  step('placed');
  return built.result;
}

/** Calls `ask` with the old index. Returns null if there is no usable old index. */
async function ofOld<T>(
  path: string,
  open: () => IndexFile | null,
  ask: (old: IndexFile) => T | Promise<T>,
): Promise<T | null> {
  const old = open();
  try {
    return old === null ? null : await ask(old);
  } catch (error) {
    if (faultOfIndex(error, path) === null) throw error;
    return null;
  } finally {
    old?.close();
  }
}

function isSound(index: IndexFile, fd: number): boolean {
  return belongs(index, fd) && integrityFaults(index).length === 0;
}
