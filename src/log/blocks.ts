/**
 * Random access: reads a part of a chunk from a flush point on, without what stands before it.
 *
 * Synchronous, as the mount's core is. Each read brings its own figures from the index, and what the file
 * gives is held against them.
 */
import type { FlushPoint } from './format.ts';
import { ForwardReader, damaged } from './forwardReader.ts';
import { Inflater } from './inflater.ts';
import { readSyncInto } from './io.ts';

/** Shared: a synchronous call leaves nothing in it, and a new one costs more than a block. */
let shared: Inflater | null = null;

function freshInflater(): Inflater {
  shared ??= new Inflater();
  shared.reset();
  return shared;
}

/** What lies between two flush points, as it is in the file and inflated. */
export interface RawBlock {
  readonly compressed: Buffer;
  readonly bytes: Buffer;
}

/**
 * The uncompressed bytes between a flush point and the next one, or the member's (or last commit's) length and
 * end. One read, one inflation. Throws 'damaged' when it is not exactly that.
 */
export function readBlock(fd: number, start: FlushPoint, end: FlushPoint): Buffer {
  return readRawBlock(fd, start, end).bytes;
}

/** As readBlock, with the compressed bytes. */
export function readRawBlock(fd: number, start: FlushPoint, end: FlushPoint): RawBlock {
  const inputSize = end.fileOffset - start.fileOffset;
  const size = end.offset - start.offset;
  if (inputSize < 0 || size < 0) throw damaged(start, `ends before it starts, at ${end.fileOffset}`);
  const compressed = Buffer.allocUnsafe(inputSize);
  if (readSyncInto(fd, compressed, 0, inputSize, start.fileOffset) < inputSize)
    throw damaged(start, 'is cut off');
  // One byte more than promised, so that a longer block is noticed.
  const output = Buffer.allocUnsafe(size + 1);
  const inflater = freshInflater();
  const status = inflater.step(compressed, 0, inputSize, output, 0, output.length);
  const isWhole = status !== 'damaged' && inflater.produced === size;
  if (!isWhole) throw damaged(start, 'does not inflate to its length');
  return { compressed, bytes: output.subarray(0, size) };
}

/**
 * `size` bytes at an uncompressed offset, where the next flush point may be far: inflates from `start` on and
 * drops what comes before, in bounded memory. No byte of the file at or behind `fileLimit` is read. Throws
 * 'damaged'.
 */
export function readFrom(
  fd: number,
  start: FlushPoint,
  offset: number,
  size: number,
  fileLimit: number,
): Buffer {
  return new ForwardReader(fd, start, fileLimit, freshInflater()).read(offset, size);
}
