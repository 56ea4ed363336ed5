/**
 * Reads a message's bytes from the flush point before them, with one read and one inflation a
 * block.
 *
 * Flush points cut the log into blocks, of 32 to 128 KiB where we wrote it. In chunks of the
 * originals the next point may be far (a MESSAGE line is up to 1,024 messages) or not exist
 * (`compact` makes none). In that case, a window of the chunk is inflated from the last point, in
 * bounded memory.
 */
import { createHash, hash } from 'node:crypto';
import { BackupError } from '../../errors.ts';
import { stateOf } from '../../index/queries/chunks.ts';
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import { chunkAround, pointsFrom } from '../../index/queries/points.ts';
import type { Chunk, StoredMessage } from '../../index/types.ts';
import { readBlock, readBlockStart, readFrom } from '../../log/read/blocks.ts';
import type { FlushPoint } from '../../log/format.ts';
import { MEMBER_HEADER } from '../../log/format.ts';

/** A part of a chunk that is read at once. */
export interface Block {
  readonly chunkId: number;
  /** Uncompressed offsets in the chunk. */
  readonly start: number;
  readonly end: number;
  readonly from: FlushPoint;
  /** Offset in the file of the next flush point, or of the end of what is whole. */
  readonly fileEnd: number;
  /** The block is exactly what lies between two points. */
  readonly isExact: boolean;
}

/** Larger blocks are read in windows, to bound the memory that is held at once. */
const LARGEST_BLOCK_BYTES = 1 << 20;
/**
 * Limits the compressed size. Empty flushes may make a block longer in the file than inflated, and
 * a damaged index may claim any size.
 */
const LARGEST_STORED_BYTES = 4 << 20;
const WINDOW_BYTES = 256 * 1024;
const HASH_BYTES = 1 << 20;

/** Returns the block that holds an uncompressed offset of a chunk. */
export function blockAt(index: IndexFile, chunkId: number, offset: number): Block {
  const around = chunkAround(index, chunkId, offset);
  if (around === undefined || offset >= around.chunk.length) {
    throw new BackupError('damaged', `chunk ${chunkId} has no offset ${offset}`);
  }
  const { chunk, before: from = chunkStart(chunk), after: next } = around;
  const end = next?.offset ?? chunk.length;
  const fileEnd = next?.fileOffset ?? chunk.file_end;
  const isSmall =
    end - from.offset <= LARGEST_BLOCK_BYTES && fileEnd - from.fileOffset <= LARGEST_STORED_BYTES;
  const isExact = isSmall && (next !== undefined || stateOf(chunk) !== 'damaged');
  if (isExact) return { chunkId, start: from.offset, end, from, fileEnd, isExact };
  const start = offset - ((offset - from.offset) % WINDOW_BYTES);
  return { chunkId, start, end: Math.min(end, start + WINDOW_BYTES), from, fileEnd, isExact };
}

/**
 * Returns, in order, the blocks of a chunk that begin at a flush point from `point` on and end at
 * the next one. Blocks that are too large to be read at once are left out.
 */
export function blocksFrom(index: IndexFile, chunkId: number, point: number, count: number): Block[] {
  const points = pointsFrom(index, chunkId, point, count + 1);
  return points.flatMap((from, at) => {
    const next = points[at + 1];
    if (next === undefined || next.offset - from.offset > LARGEST_BLOCK_BYTES) return [];
    if (next.fileOffset - from.fileOffset > LARGEST_STORED_BYTES) return [];
    return [{ chunkId, start: from.offset, end: next.offset, from, fileEnd: next.fileOffset, isExact: true }];
  });
}

function chunkStart(chunk: Chunk): FlushPoint {
  return { offset: 0, fileOffset: chunk.offset + MEMBER_HEADER.length };
}

/**
 * Returns the block's bytes. They may be in `room`, which the caller then must not use any more.
 * Throws 'damaged'.
 */
export function loadBlock(fd: number, block: Block, room?: Buffer): Buffer {
  if (block.isExact) return readBlock(fd, block.from, endOf(block), room);
  return readFrom(fd, block.from, block.start, block.end - block.start, block.fileEnd);
}

/**
 * Like loadBlock(), but reads only as many bytes as are asked for. Damage after them, and some
 * damage within them, is not noticed.
 */
export function loadBlockStart(fd: number, block: Block, sizeBytes: number, room?: Buffer): Buffer {
  if (block.isExact) return readBlockStart(fd, block.from, endOf(block), sizeBytes, room);
  return loadBlock(fd, block, room);
}

function endOf({ end, fileEnd }: Block): FlushPoint {
  return { offset: end, fileOffset: fileEnd };
}

/**
 * Returns a part of a message: as many bytes as are asked for, or as there are. Throws 'not-found'
 * if the bytes are not in this backup, 'damaged' if they cannot be read.
 */
export function readMessage(
  index: IndexFile,
  fd: number,
  message: StoredMessage,
  offset: number,
  sizeBytes: number,
  load: (fd: number, block: Block) => Buffer = loadBlock,
): Buffer {
  const { chunk_id: chunkId, offset: start } = message;
  if (chunkId === null || start === null) {
    throw new BackupError('not-found', `the bytes of message ${message.guid} are not in this backup`);
  }
  const end = start + Math.min(message.size, offset + sizeBytes);
  const parts: Buffer[] = [];
  for (let at = start + offset; at < end;) {
    const block = blockAt(index, chunkId, at);
    const bytes = part(fd, block, at, Math.min(end, block.end), load);
    parts.push(bytes);
    at += bytes.length;
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/**
 * Returns a part of a block. If the block is damaged, the bytes before the damage can still be
 * read.
 */
function part(fd: number, block: Block, from: number, to: number, load: typeof loadBlock): Buffer {
  try {
    return load(fd, block).subarray(from - block.start, to - block.start);
  } catch (error) {
    if (!(error instanceof BackupError && error.kind === 'damaged')) throw error;
    return readFrom(fd, block.from, from, to - from, block.fileEnd);
  }
}

/** Returns the SHA-1 as a GUID is written, in lower-case hexadecimal. */
export function sha1Of(bytes: Buffer): string {
  return hash('sha1', bytes, 'hex');
}

/**
 * Reads a message through the index's flush points, as every reader does, and compares it with its
 * GUID.
 */
export function hasItsBytes(index: IndexFile, fd: number, message: StoredMessage): boolean {
  const hash = createHash('sha1');
  try {
    for (let at = 0; at < message.size; at += HASH_BYTES) {
      hash.update(readMessage(index, fd, message, at, HASH_BYTES));
    }
  } catch (error) {
    if (isDamagedIndex(error)) throw error;
    if (error instanceof BackupError && error.kind === 'damaged') return false;
    throw error;
  }
  return hash.digest('hex') === message.guid;
}
