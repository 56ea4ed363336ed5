/**
 * The scan: reads a data file's lines from some member on and folds them. Reindex scans from the
 * start into an empty index, recovery from where the index ends, and verify into memory. All of
 * them share this reader, so none understands a file differently.
 *
 * A message's SHA-1 is checked on the way. A message that does not match its GUID is left without
 * bytes in the index, so that a master is asked for it again. Damage costs only the lines and
 * messages that it hits. The rest of the member is read as in damagedChunk.ts, and the scan
 * continues at the next member.
 */
import { asBackupError } from '../../errors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { Chunk } from '../../index/types.ts';
import { ChunkReader } from '../../log/read/chunkReader.ts';
import { finish } from '../../log/steps.ts';
import { MemberWalk } from './memberScan.ts';
import type { MemberOutcome, Walk, WalkResult } from './scanResult.ts';
import { salvageMember } from './damagedMember.ts';

export interface WalkOptions {
  /** A chunk that the index knows in part. Folding starts after the known part. */
  readonly resume?: Chunk;
  /**
   * The file is known to end with an ended member. A last member that looks cut off is then
   * damaged, not torn.
   */
  readonly isEnded?: boolean;
  /** An index that may be from before the damage. It helps to read the rest of a damaged member. */
  readonly known?: IndexFile;
  /** Called after each message and chunk with how far the scan is in the file, in bytes. */
  readonly onProgress?: (fileEnd: number, fileSize: number) => void;
}

/** Folds all members from a file offset on. Each member is one transaction of the index. */
export function walk(
  index: IndexFile,
  fd: number,
  from: number,
  fileSize: number,
  options: WalkOptions = {},
): WalkResult {
  return finish(walkSteps(index, fd, from, fileSize, options));
}

/** Like walk(), in steps of about a millisecond, for a process that serves others meanwhile. */
export function* walkSteps(
  index: IndexFile,
  fd: number,
  from: number,
  fileSize: number,
  options: WalkOptions = {},
): Generator<void, WalkResult> {
  const result: WalkResult = { chunks: 0, messages: 0, damages: [], tornTail: null };
  const { isEnded = false, known = null, onProgress } = options;
  const state: Walk = { index, fd, fileSize, isEnded, known, result, onProgress };
  for (let at = from; at < fileSize;) {
    const resume = at === options.resume?.offset ? options.resume : undefined;
    at = yield* walkMember(state, at, resume);
    onProgress?.(at, fileSize);
    yield;
  }
  return result;
}

/** Folds one member. Returns where the next one starts, or where the file ends. */
function* walkMember(walk: Walk, fileOffset: number, resume: Chunk | undefined): Generator<void, number> {
  const { index, result } = walk;
  const before = { messages: result.messages, damages: result.damages.length };
  index.begin();
  try {
    const { next, isDamaged } = yield* readMember(walk, fileOffset, resume);
    if (isDamaged) {
      // The member is folded again, as far as it can be trusted.
      index.rollback();
      result.messages = before.messages;
      result.damages.length = before.damages;
      index.begin();
      yield* salvageMember(walk, fileOffset, next);
    }
    index.commit();
    return next;
  } catch (error) {
    index.rollback();
    throw asBackupError(error, index.path);
  }
}

function* readMember(
  walk: Walk,
  fileOffset: number,
  resume: Chunk | undefined,
): Generator<void, MemberOutcome> {
  const reader = new ChunkReader(walk.fd, fileOffset, walk.fileSize, { findPoints: true });
  try {
    return yield* new MemberWalk(walk, reader, fileOffset, resume).run();
  } finally {
    reader.close();
  }
}
