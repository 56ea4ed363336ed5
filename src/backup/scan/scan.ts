/**
 * The scan: reads a data file's lines from some member on, and folds them.
 *
 * - Reindex scans from the start into an empty index.
 * - Recovery scans from where the index ends.
 * - Verify scans into an index in memory.
 *
 * All of them share this code, so that all interpret a file in the same way.
 *
 * The scan also checks each message's SHA-1. A message that does not match its GUID is stored
 * without bytes in the index, so that a master is asked to send it again. Damage affects only the
 * lines and messages that contain it. The rest of the member is read by damagedChunk.ts, and the
 * scan continues at the next member.
 */
import { asBackupError } from '../../errors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { Chunk } from '../../index/types.ts';
import { ChunkReader } from '../../log/read/chunkReader.ts';
import { finish } from '../../log/steps.ts';
import { MemberScan } from './memberScan.ts';
import type { MemberOutcome, Scan, ScanResult } from './scanResult.ts';
import { scanDamagedMember } from './damagedMember.ts';

export interface ScanOptions {
  /** A chunk of which the index knows a part. Folding starts after the known part. */
  readonly resume?: Chunk;
  /**
   * True if the last member is known to have been ended. If it looks cut off, it is then damaged,
   * not torn.
   */
  readonly isEnded?: boolean;
  /** An index that may be from before the damage. It helps to read the rest of a damaged member. */
  readonly known?: IndexFile;
  /** Called after each message and chunk, with the file offset that the scan has reached. */
  readonly onProgress?: (fileEnd: number, fileSize: number) => void;
}

/**
 * Folds all members from a file offset on. Each member is folded in one transaction of the index.
 */
export function scan(
  index: IndexFile,
  fd: number,
  from: number,
  fileSize: number,
  options: ScanOptions = {},
): ScanResult {
  return finish(scanSteps(index, fd, from, fileSize, options));
}

/** Like scan(), in steps of about a millisecond, for a process that also serves other requests. */
export function* scanSteps(
  index: IndexFile,
  fd: number,
  from: number,
  fileSize: number,
  options: ScanOptions = {},
): Generator<void, ScanResult> {
  const result: ScanResult = { chunks: 0, messages: 0, damages: [], tornTail: null };
  const { isEnded = false, known = null, onProgress } = options;
  const state: Scan = { index, fd, fileSize, isEnded, known, result, onProgress };
  for (let at = from; at < fileSize;) {
    const resume = at === options.resume?.offset ? options.resume : undefined;
    at = yield* scanMember(state, at, resume);
    onProgress?.(at, fileSize);
    yield;
  }
  return result;
}

/** Folds one member. Returns the offset at which the next member starts, or the file ends. */
function* scanMember(scan: Scan, fileOffset: number, resume: Chunk | undefined): Generator<void, number> {
  const { index, result } = scan;
  const before = { messages: result.messages, damages: result.damages.length };
  index.begin();
  try {
    const { next, isDamaged } = yield* readMember(scan, fileOffset, resume);
    if (isDamaged) {
      // Folds the member again with the reader for damaged members.
      index.rollback();
      result.messages = before.messages;
      result.damages.length = before.damages;
      index.begin();
      yield* scanDamagedMember(scan, fileOffset, next);
    }
    index.commit();
    return next;
  } catch (error) {
    index.rollback();
    throw asBackupError(error, index.path);
  }
}

function* readMember(
  scan: Scan,
  fileOffset: number,
  resume: Chunk | undefined,
): Generator<void, MemberOutcome> {
  const reader = new ChunkReader(scan.fd, fileOffset, scan.fileSize, { findPoints: true });
  try {
    return yield* new MemberScan(scan, reader, fileOffset, resume).run();
  } finally {
    reader.close();
  }
}
