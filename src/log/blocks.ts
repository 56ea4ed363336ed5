/**
 * Random access: reads a part of a chunk from a flush point on, without what stands before it.
 *
 * Synchronous, as the mount's core is. Each read brings its own figures from the index, and what the file
 * gives is held against them.
 */
import { BackupError } from '../errors.ts';
import type { FlushPoint } from './format.ts';
import { Inflater } from './inflater.ts';
import { readSyncInto } from './io.ts';

const PIECE_BYTES = 65_536;

/** Shared: a synchronous call leaves nothing in it, and a new one costs more than a block. */
let shared: Inflater | null = null;

function freshInflater(): Inflater {
  shared ??= new Inflater();
  shared.reset();
  return shared;
}

function damaged(start: FlushPoint, what: string): BackupError {
  return new BackupError('damaged', `block at ${start.fileOffset} (offset ${start.offset}): ${what}`);
}

/**
 * The uncompressed bytes between a flush point and the next one, or the member's (or last commit's) length and
 * end. One read, one inflation. Throws 'damaged' when it is not exactly that.
 */
export function readBlock(fd: number, start: FlushPoint, end: FlushPoint): Buffer {
  const inputSize = end.fileOffset - start.fileOffset;
  const size = end.offset - start.offset;
  if (inputSize < 0 || size < 0) throw damaged(start, `ends before it starts, at ${end.fileOffset}`);
  const input = Buffer.allocUnsafe(inputSize);
  if (readSyncInto(fd, input, 0, inputSize, start.fileOffset) < inputSize) throw damaged(start, 'is cut off');
  // One byte more than promised, so that a longer block is noticed.
  const output = Buffer.allocUnsafe(size + 1);
  const inflater = freshInflater();
  const status = inflater.step(input, 0, inputSize, output, 0, output.length);
  const isWhole = status !== 'damaged' && inflater.produced === size;
  if (!isWhole) throw damaged(start, 'does not inflate to its length');
  return output.subarray(0, size);
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
  if (offset < start.offset) throw damaged(start, `stands behind offset ${offset}`);
  const result = Buffer.allocUnsafe(size);
  const input = Buffer.allocUnsafe(PIECE_BYTES);
  const output = Buffer.allocUnsafe(PIECE_BYTES);
  const inflater = freshInflater();
  let skip = offset - start.offset;
  let filled = 0;
  for (let position = start.fileOffset; filled < size;) {
    const wanted = Math.min(input.length, Math.max(0, fileLimit - position));
    const have = readSyncInto(fd, input, 0, wanted, position);
    if (have === 0) throw damaged(start, `is cut off before offset ${offset + size}`);
    position += have;
    let taken = 0;
    let status = 'full';
    while (filled < size && (status === 'full' || taken < have)) {
      status = inflater.step(input, taken, have - taken, output, 0, output.length);
      taken += inflater.consumed;
      const from = Math.min(skip, inflater.produced);
      skip -= from;
      filled += output.copy(result, filled, from, inflater.produced);
      const over = status === 'damaged' || status === 'ended';
      if (over && filled < size) throw damaged(start, `does not inflate up to offset ${offset + size}`);
    }
  }
  return result;
}
