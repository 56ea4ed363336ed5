/**
 * Random access: reads a part of a chunk from a flush point on, without what stands before it.
 *
 * Synchronous, as the mount's core is. Each read brings its own figures from the index, and what the file
 * gives is held against them.
 */
import type { FlushPoint } from '../format.ts';
import { ForwardReader, damaged } from './forwardReader.ts';
import { Inflater } from './inflater.ts';
import { readSyncInto } from '../../fs/io.ts';

/** Shared: a synchronous call leaves nothing in it, and a new one costs more than a block. */
let shared: Inflater | null = null;

function freshInflater(): Inflater {
  shared ??= new Inflater();
  shared.reset();
  return shared;
}

/** More than enough compressed bytes for the beginning of a line. */
const PROBE_BYTES = 512;

/** The first bytes behind a flush point, as many as inflate up to `size`. For whoever tries very many places. */
export function readBeginning(fd: number, fileOffset: number, size: number, fileEnd: number): Buffer {
  const input = scratchOf(Math.max(0, Math.min(PROBE_BYTES, fileEnd - fileOffset)));
  const have = readSyncInto(fd, input, 0, input.length, fileOffset);
  const output = Buffer.alloc(size);
  const inflater = freshInflater();
  if (inflater.step(input, 0, have, output, 0, size) !== 'damaged')
    return output.subarray(0, inflater.produced);
  // A failing step does not say what it gave: one byte at a time it stops in front of the damage.
  inflater.reset();
  let [length, taken] = [0, 0];
  while (length < size && inflater.step(input, taken, have - taken, output, length, 1) === 'full') {
    taken += inflater.consumed;
    length += 1;
  }
  return output.subarray(0, length);
}

/** What lies between two flush points, as it is in the file and inflated. */
export interface RawBlock {
  readonly compressed: Buffer;
  readonly bytes: Buffer;
}

/** Shared too: most blocks are smaller than this before they are inflated. */
const SCRATCH_BYTES = 256 * 1024;
let scratch: Buffer | null = null;

function scratchOf(sizeBytes: number): Buffer {
  if (sizeBytes > SCRATCH_BYTES) return Buffer.allocUnsafe(sizeBytes);
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  return scratch.subarray(0, sizeBytes);
}

/** Blocks that are read again and again into each other's memory should fit. */
const ROOM_STEP_BYTES = 32 * 1024;

/**
 * The uncompressed bytes between a flush point and the next one, or the member's (or last commit's) length and
 * end. One read, one inflation. They come in `room` where they go into it, which is then the caller's no more, else in memory of
 * their own. Throws 'damaged' when it is not exactly that.
 */
export function readBlock(fd: number, start: FlushPoint, end: FlushPoint, room?: Buffer): Buffer {
  return inflateBlock(readCompressedBlock(fd, start, end), start, end, room);
}

/** The first half of readBlock, that which may wait for the disk: the bytes as they are in the file, the caller's until the next call. */
export function readCompressedBlock(fd: number, start: FlushPoint, end: FlushPoint): Buffer {
  const [inputSize] = sizesOf(start, end);
  return readCompressed(fd, start, scratchOf(inputSize));
}

/** The other half. */
export function inflateBlock(compressed: Buffer, start: FlushPoint, end: FlushPoint, room?: Buffer): Buffer {
  const [, size] = sizesOf(start, end);
  return inflateTo(size, start, compressed, roomFor(size + 1, room));
}

/**
 * As readBlock, but the first `size` bytes only, and what comes behind is not looked at: damage is noticed only where these do not inflate.
 * For who has another way to tell whether they are right.
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

/** As readBlock, with the compressed bytes. */
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

/** The output has at least one byte more than promised, so that a longer block is noticed. */
function inflateTo(size: number, start: FlushPoint, compressed: Buffer, output: Buffer): Buffer {
  const inflater = freshInflater();
  const status = inflater.step(compressed, 0, compressed.length, output, 0, size + 1);
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
  return new ForwardReader(fd, start, fileLimit, freshInflater()).read(offset, size);
}
