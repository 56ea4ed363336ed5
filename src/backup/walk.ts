/**
 * The walk: reads a data file's lines from some member on and folds them. Reindex walks from the start into an empty
 * index, recovery from where the index ends, verify into memory: one reader for all of them, so that what one
 * understands the others do.
 *
 * A message's SHA-1 is checked on the way; one that is not what its GUID promises is left without bytes in the
 * index, so that a master is asked for it again. Damage costs the lines it hits: what decodes before it is kept, and
 * the walk goes on at the next member.
 */
import type { IndexFile } from '../index/indexFile.ts';
import type { Chunk } from '../index/types.ts';
import { ChunkReader } from '../log/reader.ts';
import { MemberWalk } from './memberWalk.ts';
import type { Walk, WalkResult } from './memberWalk.ts';

export interface WalkOptions {
  /** A chunk that the index knows in part: folding starts behind what it knows. */
  readonly resume?: Chunk;
  /** The file is known to end with an ended member: a last one that looks cut off is damaged, not torn. */
  readonly isEnded?: boolean;
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
  const result: WalkResult = { chunks: 0, messages: 0, damages: [], tornTail: null };
  const { isEnded = false, onProgress } = options;
  const state: Walk = { index, fd, fileSize, isEnded, result, onProgress };
  let at: number | null = from;
  while (at !== null && at < fileSize) {
    const start: number = at;
    const resume = start === options.resume?.offset ? options.resume : undefined;
    at = index.transaction(() => walkMember(state, start, resume));
    onProgress?.(at ?? fileSize, fileSize);
  }
  return result;
}

/** Folds one member; answers where the next one starts, or null at the end. */
function walkMember(walk: Walk, fileOffset: number, resume: Chunk | undefined): number | null {
  const reader = new ChunkReader(walk.fd, fileOffset, walk.fileSize, { findPoints: true });
  try {
    return new MemberWalk(walk, reader, fileOffset, resume).run();
  } finally {
    reader.close();
  }
}
