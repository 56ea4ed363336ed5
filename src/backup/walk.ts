/**
 * The walk: reads a data file's lines from some member on and folds them. Reindex walks from the start into an empty
 * index, recovery from where the index ends, verify into memory: one reader for all of them, so that what one
 * understands the others do.
 *
 * A message's SHA-1 is checked on the way; one that is not what its GUID promises is left without bytes in the
 * index, so that a master is asked for it again. Damage costs the lines and messages that it hits: the rest of the member is
 * read as salvage.ts does, and the walk goes on at the next one.
 */
import { asBackupError } from '../errors.ts';
import type { IndexFile } from '../index/indexFile.ts';
import type { Chunk } from '../index/types.ts';
import { ChunkReader } from '../log/reader.ts';
import { finish } from '../log/steps.ts';
import { MemberWalk } from './memberWalk.ts';
import type { MemberOutcome, Walk, WalkResult } from './walkResult.ts';
import { salvageMember } from './salvageMember.ts';

export interface WalkOptions {
  /** A chunk that the index knows in part: folding starts behind what it knows. */
  readonly resume?: Chunk;
  /** The file is known to end with an ended member: a last one that looks cut off is damaged, not torn. */
  readonly isEnded?: boolean;
  /** An index that may have known the file when it was whole: where a member is damaged it helps to read the rest. */
  readonly known?: IndexFile;
  /** Called after each message and chunk with how far in the file the walk is, in bytes. */
  readonly onProgress?: (fileEnd: number, fileSize: number) => void;
}

/** Folds all members from a file offset on. The index is written in one transaction a member. */
export function walk(
  index: IndexFile,
  fd: number,
  from: number,
  fileSize: number,
  options: WalkOptions = {},
): WalkResult {
  return finish(walkSteps(index, fd, from, fileSize, options));
}

/** The same in steps of about a millisecond, for a process that has others to serve meanwhile. */
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

/** Folds one member; answers where the next one starts, or where the file ends. */
function* walkMember(walk: Walk, fileOffset: number, resume: Chunk | undefined): Generator<void, number> {
  const { index, result } = walk;
  const before = { messages: result.messages, damages: result.damages.length };
  index.begin();
  try {
    const { next, isDamaged } = yield* readMember(walk, fileOffset, resume);
    if (isDamaged) {
      // What came out of it is folded anew, as far as it can be believed.
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
