/**
 * Random access: reads part of a chunk from a flush point, without inflating what precedes that
 * point.
 *
 * The functions are synchronous, because the mount's core is synchronous. The caller passes offsets
 * and lengths from the index, and the functions compare the file's data with them.
 */
import type { FlushPoint } from '../format.ts';
import { ForwardReader, damaged } from './forwardReader.ts';
import { Inflater } from './inflater.ts';
import { readSyncInto } from '../../fs/io.ts';

/**
 * One inflater shared by all calls. A synchronous call leaves no state in it, and creating an
 * inflater costs more than inflating a block.
 */
let shared: Inflater | null = null;

function freshInflater(): Inflater {
  shared ??= new Inflater();
  shared.reset();
  return shared;
}

/** This many compressed bytes are more than enough to inflate the beginning of a line. */
const PROBE_BYTES = 512;

/**
 * Inflates from a flush point and returns up to `size` uncompressed bytes, or fewer if the data
 * ends or is damaged. The call is cheap enough for a caller that tries very many places.
 */
export function readBeginning(fd: number, fileOffset: number, size: number, fileEnd: number): Buffer {
  const input = scratchOf(Math.max(0, Math.min(PROBE_BYTES, fileEnd - fileOffset)));
  const have = readSyncInto(fd, input, 0, input.length, fileOffset);
  const output = Buffer.alloc(size);
  const inflater = freshInflater();
  if (inflater.step(input, 0, have, output, 0, size) !== 'damaged')
    return output.subarray(0, inflater.produced);
  // A failing step does not report its output. Inflating one byte at a time therefore delivers
  // everything before the damage.
  inflater.reset();
  let [length, taken] = [0, 0];
  while (length < size && inflater.step(input, taken, have - taken, output, length, 1) === 'full') {
    taken += inflater.consumed;
    length += 1;
  }
  return output.subarray(0, length);
}

/** The data between two flush points, compressed as in the file and inflated. */
export interface RawBlock {
  readonly compressed: Buffer;
  readonly bytes: Buffer;
}

/** A shared buffer for compressed bytes. Most compressed blocks are smaller than this. */
const SCRATCH_BYTES = 256 * 1024;
let scratch: Buffer | null = null;

function scratchOf(sizeBytes: number): Buffer {
  if (sizeBytes > SCRATCH_BYTES) return Buffer.allocUnsafe(sizeBytes);
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  return scratch.subarray(0, sizeBytes);
}

/**
 * Buffers are allocated in multiples of this, so that a caller can reuse one for blocks of similar
 * size.
 */
const ROOM_STEP_BYTES = 32 * 1024;

/**
 * Returns the uncompressed bytes between two flush points. `end` may also be the end of the member
 * or of the last commit. A call costs one read and one inflation.
 *
 * If the result fits in `room`, it is stored there, and the caller must no longer use that buffer
 * for anything else. Otherwise the result has memory of its own. Throws 'damaged' unless the block
 * inflates to exactly its length.
 */
export function readBlock(fd: number, start: FlushPoint, end: FlushPoint, room?: Buffer): Buffer {
  return inflateBlock(readCompressedBlock(fd, start, end), start, end, room);
}

/**
 * The first half of readBlock, which may wait for the disk. Returns the compressed bytes, which are
 * valid until the next call.
 */
export function readCompressedBlock(fd: number, start: FlushPoint, end: FlushPoint): Buffer {
  const [inputSize] = sizesOf(start, end);
  return readCompressed(fd, start, scratchOf(inputSize));
}

/** The second half of readBlock, which inflates the compressed bytes. */
export function inflateBlock(compressed: Buffer, start: FlushPoint, end: FlushPoint, room?: Buffer): Buffer {
  const [, size] = sizesOf(start, end);
  return inflateTo(size, start, compressed, roomFor(size + 1, room));
}

/**
 * Like readBlock, but returns the first `size` bytes only and ignores what follows. The function
 * notices damage only if these bytes do not inflate, so the caller must verify them in another way.
 */
export function readBlockStart(
  fd: number,
  start: FlushPoint,
  end: FlushPoint,
  size: number,
  room?: Buffer,
): Buffer {
  const [inputSize, wholeSize] = sizesOf(start, end);
  if (size >= wholeSize) return readBlock(fd, start, end, room);
  const output = roomFor(size, room);
  const inflater = freshInflater();
  const compressed = readCompressed(fd, start, scratchOf(inputSize));
  const status = inflater.step(compressed, 0, inputSize, output, 0, size);
  if (status !== 'full') throw damaged(start, `does not inflate to ${size} bytes`);
  return output.subarray(0, size);
}

function roomFor(size: number, room: Buffer | undefined): Buffer {
  if (room !== undefined && room.length >= size) return room;
  return Buffer.allocUnsafeSlow(Math.ceil(size / ROOM_STEP_BYTES) * ROOM_STEP_BYTES);
}

/** Like readBlock, but returns the compressed bytes too. */
export function readRawBlock(fd: number, start: FlushPoint, end: FlushPoint): RawBlock {
  const [inputSize, size] = sizesOf(start, end);
  const compressed = readCompressed(fd, start, Buffer.allocUnsafe(inputSize));
  return { compressed, bytes: inflateTo(size, start, compressed, Buffer.allocUnsafe(size + 1)) };
}

function sizesOf(start: FlushPoint, end: FlushPoint): [inputSize: number, size: number] {
  const inputSize = end.fileOffset - start.fileOffset;
  const size = end.offset - start.offset;
  if (inputSize < 0 || size < 0) throw damaged(start, `ends before it starts, at ${end.fileOffset}`);
  return [inputSize, size];
}

function readCompressed(fd: number, start: FlushPoint, into: Buffer): Buffer {
  if (readSyncInto(fd, into, 0, into.length, start.fileOffset) < into.length)
    throw damaged(start, 'is cut off');
  return into;
}

/**
 * `output` must have room for one byte more than `size`, so that the function notices a block that
 * is too long.
 */
function inflateTo(size: number, start: FlushPoint, compressed: Buffer, output: Buffer): Buffer {
  const inflater = freshInflater();
  const status = inflater.step(compressed, 0, compressed.length, output, 0, size + 1);
  const isWhole = status !== 'damaged' && inflater.produced === size;
  if (!isWhole) throw damaged(start, 'does not inflate to its length');
  return output.subarray(0, size);
}

/**
 * Returns `size` bytes at an uncompressed offset, even if the next flush point is far away.
 * Inflates from `start` and drops what precedes the offset, in bounded memory. Reads no byte of the
 * file at or after `fileLimit`. Throws 'damaged'.
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
