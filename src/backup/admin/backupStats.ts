/**
 * Returns the stats of a backup that `list` and `stat` print, without taking a lock. The stats come
 * from the stats cache (figures.db) if the data file is unchanged since they were cached. Otherwise
 * they come from the index.
 */
import { asBackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import type { FileStats } from '../../fs/disk/disk.ts';
import { statExisting } from '../../fs/names.ts';
import { identityOf } from '../../index/store/statsCache.ts';
import type { BackupStats, StatsCache, Needed } from '../../index/store/statsCache.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import type { Chunk } from '../../index/types.ts';
import { lastChunk, uncompressedBytes } from '../../index/queries/chunks.ts';
import { missingCount, missingMessages } from '../../index/queries/missing.ts';
import type { MissingMessage } from '../../index/queries/missing.ts';
import { sqlHorizon } from '../../index/queries/retained.ts';
import { neededBytes } from '../../index/queries/messages.ts';
import { firstExpungedAfter } from '../../index/queries/records.ts';
import { faultOfIndex } from '../indexFault.ts';
import { indexPath } from '../options.ts';

/** The maximum number of missing messages that are listed by name. */
const MOST_NAMED = 20;

export interface LastWritten {
  readonly sizeBytes: number;
  /** Unix seconds; null if the backup has never been written to. */
  readonly lastTime: number | null;
  /**
   * The number of living records whose messages are missing, according to the index.
   */
  readonly missingCount: number;
}

/**
 * Returns the time at which the backup was last written to. The time is taken from the index if the
 * index covers the whole data file. If the index is missing, outdated or written by the original
 * backupd, the data file's modification time is used instead. Throws if the data file does not
 * exist.
 */
export function lastWritten(path: string, cache: StatsCache | null = null): LastWritten {
  const data = dataFile(path);
  const sizeBytes = data.size;
  if (sizeBytes === 0) return { sizeBytes, lastTime: null, missingCount: 0 };
  const known = cache?.find(path, identityOf(data)) ?? null;
  if (known !== null) return { sizeBytes, lastTime: known.lastEnd, missingCount: known.missingCount };
  const figures = statsByIndex(path, sizeBytes, chunkStats);
  if (figures === null) return { sizeBytes, lastTime: Math.floor(data.mtimeMs / 1000), missingCount: 0 };
  cache?.put(path, identityOf(data), { ...figures, needed: null });
  return { sizeBytes, lastTime: figures.lastEnd, missingCount: figures.missingCount };
}

/**
 * Returns the result of calling `ask` with the index. Returns null if the index is missing, was
 * written by the original backupd, does not cover the whole data file, or cannot be read.
 */
function statsByIndex<T>(
  path: string,
  sizeBytes: number,
  ask: (index: IndexFile, last: Chunk) => T,
): T | null {
  const index = IndexFile.peek(indexPath(path));
  try {
    const last = index === null ? undefined : lastChunk(index);
    return index === null || last?.fileEnd !== sizeBytes ? null : ask(index, last);
  } catch (error) {
    if (faultOfIndex(error, indexPath(path)) === null) throw error;
    return null;
  } finally {
    index?.close();
  }
}

/** Returns descriptions of the first records whose messages are missing. */
export function missingInWords(path: string): string[] {
  const index = IndexFile.peek(indexPath(path));
  try {
    return index === null ? [] : Array.from(missingMessages(index, MOST_NAMED), missingText);
  } catch (error) {
    if (faultOfIndex(error, indexPath(path)) === null) throw error;
    return [];
  } finally {
    index?.close();
  }
}

export function missingText({ guid, mailbox, uid }: MissingMessage): string {
  return `message ${guid} is not in the backup: ${Buffer.from(mailbox, 'latin1').toString()} uid ${uid}`;
}

export interface SizeStats {
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  readonly neededBytes: number;
  /** The number of living records whose messages are missing. */
  readonly missingCount: number;
  /** The start time of the last chunk, in unix seconds; null if there is no chunk. */
  readonly lastStart: number | null;
  readonly lastEnd: number | null;
}

/**
 * Returns the stats. Messages that were expunged before `since` do not count as needed. Without
 * `since`, all messages count as needed. Reads the whole data file if there is no usable index.
 */
export function sizeStats(
  path: string,
  retainedSince: number | undefined,
  cache: StatsCache | null = null,
): SizeStats | Promise<SizeStats> {
  const since = sqlHorizon(retainedSince);
  const data = dataFile(path);
  const known = cache?.find(path, identityOf(data)) ?? null;
  if (known?.needed != null && stillHolds(known.needed, since))
    return statsOf(data.size, known, known.needed);
  const figures = statsByIndex(path, data.size, (index, last) =>
    reckoned(path, index, last, data, since, cache),
  );
  // Folds the log if the index is unusable, or if a writer has appended to the data file meanwhile.
  return figures ?? foldedFigures(path, since, cache);
}

async function foldedFigures(path: string, since: number, cache: StatsCache | null): Promise<SizeStats> {
  // The reader is imported on demand: it is rarely needed, and it loads most of the program.
  const { BackupReader } = await import('../reader.ts');
  const reader = new BackupReader(path, { isThorough: true });
  try {
    const present = disk.fstat(reader.fd);
    const { index } = reader;
    return index.snapshot(() => reckoned(path, index, lastChunk(index), present, since, cache));
  } finally {
    reader.close();
  }
}

function reckoned(
  path: string,
  index: IndexFile,
  last: Chunk | undefined,
  data: FileStats,
  since: number,
  cache: StatsCache | null,
): SizeStats {
  if (last === undefined) return { ...NOTHING, compressedBytes: data.size };
  const firstExpunged = firstExpungedAfter(index, since);
  const needed = { bytes: neededBytes(index, since), since, firstExpunged };
  const chunk = chunkStats(index, last);
  if (last.fileEnd === data.size) cache?.put(path, identityOf(data), { ...chunk, needed });
  return statsOf(data.size, chunk, needed);
}

const NOTHING: SizeStats = {
  compressedBytes: 0,
  uncompressedBytes: 0,
  neededBytes: 0,
  missingCount: 0,
  lastStart: null,
  lastEnd: null,
};

/**
 * Reports whether the cached `needed` value is still valid: since it was computed, no message has
 * left the retention period and none has re-entered it.
 */
function stillHolds({ since, firstExpunged }: Needed, now: number): boolean {
  return now >= since && (firstExpunged === null || firstExpunged > now);
}

function statsOf(compressedBytes: number, chunk: Omit<BackupStats, 'needed'>, needed: Needed): SizeStats {
  const { uncompressedBytes: uncompressed, missingCount: missing, lastStart, lastEnd } = chunk;
  return {
    compressedBytes,
    uncompressedBytes: uncompressed,
    neededBytes: needed.bytes,
    missingCount: missing,
    lastStart,
    lastEnd,
  };
}

function chunkStats(index: IndexFile, last: Chunk): Omit<BackupStats, 'needed'> {
  return {
    lastStart: last.tsStart,
    lastEnd: last.tsEnd,
    uncompressedBytes: uncompressedBytes(index),
    missingCount: missingCount(index),
  };
}

function dataFile(path: string): FileStats {
  try {
    return statExisting(path);
  } catch (error) {
    throw asBackupError(error, path);
  }
}
