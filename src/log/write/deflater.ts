/**
 * Deflates a stream in zlib's thread pool and cuts it at flush points.
 *
 * The data between two full flushes refers to nothing outside. Each such block is therefore
 * compressed by its own call of zlib's public one-shot function, which ends it with a flush. This
 * has three advantages: several blocks are compressed at once on as many cores, the end of each
 * output is known, and a rollback only has to drop results.
 *
 * A flush that is not yet due to be a full one (a small commit) keeps the window: the next call
 * gets the block so far as its dictionary. Together the outputs form one raw deflate stream that
 * lacks only its last block.
 */
import os from 'node:os';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { BackupError } from '../../errors.ts';
import { FLUSH_INTERVAL_BYTES, LEAST_BLOCK_BYTES, LONGEST_BLOCK_BYTES } from '../format.ts';
import { ioError } from '../../fs/io.ts';

const deflateRaw = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.deflateRaw);

/**
 * Compressing this much takes a fraction of a millisecond, less than a round trip to the thread
 * pool on busy CPUs.
 */
const INLINE_BYTES = 16_384;
const WINDOW_BYTES = 32_768;
const FIRST_BUFFER_BYTES = 16_384;
/** A longer string is converted in slices of this length, and so takes less memory at once. */
const SLICE_CHARS = 65_536;
/**
 * The number of blocks compressed at once. The thread pool has four threads, and syncing needs one
 * of them.
 */
const BLOCKS_AT_ONCE = Math.max(2, Math.min(4, os.availableParallelism()));

/**
 * Receives the compressed pieces in order. `point` is the uncompressed offset of the flush point at
 * which the piece begins, or null.
 */
export type DeflaterSink = (compressed: Buffer, point: number | null) => Promise<void> | void;

/**
 * The deflater's position when it buffers nothing. The next byte begins a block with an empty
 * window.
 */
export interface DeflaterPosition {
  length: number;
  crc32: number;
  /** Offset of the last flush point; -Infinity before the first. */
  lastPoint: number;
}

interface Job {
  point: number | null;
  compressed: Promise<Buffer>;
}

export const STREAM_START: DeflaterPosition = { length: 0, crc32: 0, lastPoint: -Infinity };

export class Deflater {
  readonly #level: number;
  readonly #sink: DeflaterSink;
  /**
   * The data since the window was last empty. The bytes before #cutAt are already being compressed.
   */
  #block = Buffer.alloc(0);
  #blockStart = 0;
  #fill = 0;
  #cutAt = 0;
  #blockIsPoint = false;
  #lastPoint = -Infinity;
  #crc32 = 0;
  #jobs: Job[] = [];
  /**
   * The error that lost a piece. All later pieces are then worthless, so every call rejects until
   * restart().
   */
  #failure: BackupError | null = null;

  constructor(level: number, sink: DeflaterSink) {
    this.#level = level;
    this.#sink = sink;
  }

  /** The number of uncompressed bytes so far. */
  get length(): number {
    return this.#blockStart + this.#fill;
  }

  /** The current position. Valid only after flush(). */
  get position(): DeflaterPosition {
    return { length: this.length, crc32: this.#crc32, lastPoint: this.#lastPoint };
  }

  /**
   * Copies the bytes. A string is encoded as latin1. Waits only while too many blocks are being
   * compressed.
   */
  async write(bytes: Buffer | string): Promise<void> {
    if (typeof bytes !== 'string') return this.#copy(bytes);
    for (let at = 0; at < bytes.length; at += SLICE_CHARS)
      await this.#copy(Buffer.from(bytes.slice(at, at + SLICE_CHARS), 'latin1'));
  }

  async #copy(input: Buffer): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    let at = 0;
    while (at < input.length) {
      if (this.#fill === 0) this.#openBlock();
      const room = this.#lastPoint + LONGEST_BLOCK_BYTES - this.length;
      const size = Math.min(room, input.length - at);
      this.#reserve(size);
      input.copy(this.#block, this.#fill, at, at + size);
      this.#fill += size;
      at += size;
      if (size === room) await this.#cut();
    }
  }

  /**
   * Tells the deflater that a line or message starts here: a good place for a flush point, if one
   * is due.
   */
  async mark(): Promise<void> {
    if (this.#fill > 0 && this.length - this.#lastPoint >= FLUSH_INTERVAL_BYTES) await this.#cut();
  }

  /** Passes everything written so far to the sink, up to a byte boundary. */
  async flush(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    await this.#cut();
    while (this.#jobs.length > 0) await this.#settle();
  }

  /** Drops all buffered data and continues at another position, with an empty window. */
  restart(position: DeflaterPosition): void {
    this.#jobs = [];
    this.#failure = null;
    this.#lastPoint = position.lastPoint;
    this.#crc32 = position.crc32;
    this.#closeBlock(position.length);
  }

  #openBlock(): void {
    this.#blockIsPoint = this.#blockStart - this.#lastPoint >= LEAST_BLOCK_BYTES;
    if (this.#blockIsPoint) this.#lastPoint = this.#blockStart;
  }

  #closeBlock(nextStart: number): void {
    this.#blockStart = nextStart;
    this.#block = Buffer.alloc(0);
    this.#fill = 0;
    this.#cutAt = 0;
  }

  /** Grows the buffer by copying it, because a running call may still read the old buffer. */
  #reserve(size: number): void {
    const wanted = this.#fill + size;
    if (wanted <= this.#block.length) return;
    const larger = Math.max(FIRST_BUFFER_BYTES, wanted, 2 * this.#block.length);
    const block = Buffer.allocUnsafeSlow(Math.min(LONGEST_BLOCK_BYTES, larger));
    this.#block.copy(block, 0, 0, this.#fill);
    this.#block = block;
  }

  async #cut(): Promise<void> {
    if (this.#fill === this.#cutAt) return;
    const piece = this.#block.subarray(this.#cutAt, this.#fill);
    const window = this.#block.subarray(Math.max(0, this.#cutAt - WINDOW_BYTES), this.#cutAt);
    const point = this.#cutAt === 0 && this.#blockIsPoint ? this.#blockStart : null;
    this.#crc32 = zlib.crc32(piece, this.#crc32);
    this.#jobs.push({ point, compressed: this.#deflate(piece, window) });
    this.#cutAt = this.#fill;
    if (this.length - this.#lastPoint >= FLUSH_INTERVAL_BYTES) this.#closeBlock(this.length);
    while (this.#jobs.length > BLOCKS_AT_ONCE) await this.#settle();
  }

  #deflate(piece: Buffer, window: Buffer): Promise<Buffer> {
    const options = {
      level: this.#level,
      finishFlush: zlib.constants.Z_SYNC_FLUSH,
      // The output buffer has room for the worst case, so that one trip to the thread pool
      // suffices.
      chunkSize: piece.length + (piece.length >> 8) + 64,
      ...(window.length > 0 ? { dictionary: window } : {}),
    };
    if (piece.length <= INLINE_BYTES) return Promise.resolve(zlib.deflateRawSync(piece, options));
    const compressed = deflateRaw(piece, options);
    // #settle awaits these promises in order, and restart drops them. A rejection must not count as
    // unhandled meanwhile.
    compressed.catch(() => undefined);
    return compressed;
  }

  async #settle(): Promise<void> {
    const job = this.#jobs.shift();
    if (job === undefined) return;
    try {
      await this.#sink(await job.compressed, job.point);
    } catch (error) {
      this.#failure = ioError(error, 'compressing');
      throw this.#failure;
    }
  }
}
