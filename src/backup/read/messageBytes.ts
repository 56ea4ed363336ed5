/**
 * Reads a message's bytes, starting at the flush point before them. Each block takes one read and
 * one inflation.
 *
 * Flush points divide the log into blocks, of 32 to 128 KiB if backupd of this project wrote it. In
 * chunks of the original tools, the next flush point may be far away or missing. Their MESSAGE
 * lines hold up to 1,024 messages, and their `compact` writes no flush points. In that case, a
 * window of the chunk is inflated from the previous flush point, in bounded memory.
 */
import { createHash, hash } from 'node:crypto';
import { BackupError } from '../../errors.ts';
import { chunkAround, pointsFrom } from '../../index/queries/points.ts';
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { Chunk, StoredMessage } from '../../index/types.ts';
import { readBlock, readBlockStart, readFrom } from '../../log/read/blocks.ts';
import type { FlushPoint } from '../../log/format.ts';
import { MEMBER_HEADER } from '../../log/format.ts';

/** A part of a chunk that is read in one piece. */
export interface Block {
  readonly chunkId: number;
  /** Uncompressed offsets in the chunk. */
  readonly start: number;
  readonly end: number;
  readonly from: FlushPoint;
  /** File offset of the next flush point, or of the end of the undamaged data. */
  readonly fileEnd: number;
  /** The block extends exactly from one flush point to the next. */
  readonly isExact: boolean;
}

/** Larger blocks are read in windows, to limit the memory used. */
const LARGEST_BLOCK_BYTES = 1 << 20;
/**
 * The maximum compressed size of a block. Empty flushes may make a block longer in the file than
 * inflated, and a damaged index may claim any size.
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
  const fileEnd = next?.fileOffset ?? chunk.fileEnd;
  const isSmall =
    end - from.offset <= LARGEST_BLOCK_BYTES && fileEnd - from.fileOffset <= LARGEST_STORED_BYTES;
  const isExact = isSmall && (next !== undefined || chunk.state !== 'damaged');
  if (isExact) return { chunkId, start: from.offset, end, from, fileEnd, isExact };
  const start = offset - ((offset - from.offset) % WINDOW_BYTES);
  return { chunkId, start, end: Math.min(end, start + WINDOW_BYTES), from, fileEnd, isExact };
}

/**
 * Returns, in order, the blocks of a chunk that begin at a flush point at or after `point` and end
 * at the next flush point. Blocks that are too large to be read in one piece are left out.
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
 * Returns the block's bytes. The result may use the buffer `room`, so the caller must not use
 * `room` any more. Throws 'damaged'.
 */
export function loadBlock(fd: number, block: Block, room?: Buffer): Buffer {
  if (block.isExact) return readBlock(fd, block.from, endOf(block), room);
  return readFrom(fd, block.from, block.start, block.end - block.start, block.fileEnd);
}

/**
 * Like loadBlock(), but reads only the requested number of bytes. Damage after these bytes goes
 * unnoticed, and so does some damage within them.
 */
export function loadBlockStart(fd: number, block: Block, sizeBytes: number, room?: Buffer): Buffer {
  if (block.isExact) return readBlockStart(fd, block.from, endOf(block), sizeBytes, room);
  return loadBlock(fd, block, room);
}

function endOf({ end, fileEnd }: Block): FlushPoint {
  return { offset: end, fileOffset: fileEnd };
}

/**
 * Returns a part of a message: the requested number of bytes, or fewer at the message's end. Throws
 * 'not-found' if this backup does not have the bytes, 'damaged' if they cannot be read.
 */
export function readMessage(
  index: IndexFile,
  fd: number,
  message: StoredMessage,
  offset: number,
  sizeBytes: number,
  load: (fd: number, block: Block) => Buffer = loadBlock,
): Buffer {
  const { chunkId, offset: start } = message;
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

/** Returns the SHA-1 of the bytes in the form of a GUID, in lower-case hexadecimal. */
export function sha1Of(bytes: Buffer): string {
  return hash('sha1', bytes, 'hex');
}

/**
 * Reports whether a message's bytes match its GUID. Reads them through the index's flush points,
 * like every other reader.
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
