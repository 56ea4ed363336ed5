/**
 * Staging holds compressed bytes, in the form in which the log will store them, until it is known
 * which log they belong to.
 *
 * A master uploads messages before it sends the mailbox records that say whose they are. A segment
 * is a stretch of raw deflate that begins with an empty window and ends at a byte boundary. It can
 * be copied unchanged after any flush boundary. Nothing is compressed twice, and nothing enters a
 * log before it is claimed. Memory is bounded: bytes over the limit go to an unlinked file.
 */
import { BackupError } from '../../errors.ts';
import { Deflater } from './deflater.ts';
import type { FlushPoint } from '../format.ts';
import { Inflater } from '../read/inflater.ts';
import { SpillFile, type Extent } from './spill.ts';

export interface StagingOptions {
  /** The folder for the temporary file, which is created only if needed. */
  directory: string;
  /** The most compressed bytes that all segments together may hold in memory. */
  memoryBytes: number;
  /** zlib's level, 0 to 9. Default: 6. */
  level?: number;
  /** A limit on memory that many stagings share. */
  shared?: SharedMemory;
}

export interface SharedMemory {
  /** Reserves `bytes` more. Returns false if they would exceed the limit. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** One compressed piece, either in memory or in the staging file. */
type Piece = Buffer | Extent;

/** The number of bytes read from the staging file at a time while a segment is copied. */
const COPY_BYTES = 262_144;

function sizeOf(piece: Piece): number {
  return Buffer.isBuffer(piece) ? piece.length : piece.size;
}

export class Staging {
  readonly level: number;
  readonly spill: SpillFile;
  readonly #memoryBytes: number;
  readonly #shared: SharedMemory | undefined;
  #memoryUsed = 0;

  constructor(options: StagingOptions) {
    this.level = options.level ?? 6;
    this.spill = new SpillFile(options.directory);
    this.#memoryBytes = options.memoryBytes;
    this.#shared = options.shared;
  }

  /** The number of compressed bytes held, in memory and in the file. */
  get stagedBytes(): number {
    return this.#memoryUsed + this.spill.size;
  }

  begin(): UploadWriter {
    return new UploadWriter(this);
  }

  /** Frees everything. Segments that still exist can no longer be read. */
  close(): void {
    this.#give(this.#memoryUsed);
    this.spill.close();
  }

  /**
   * Holds a piece for a segment. The piece is copied, because zlib's output buffers are larger than
   * their contents.
   */
  async hold(data: Buffer): Promise<Piece> {
    const fits = this.#memoryUsed + data.length <= this.#memoryBytes;
    if (!fits || this.#shared?.take(data.length) === false) return this.spill.append(data);
    this.#memoryUsed += data.length;
    return Buffer.from(data);
  }

  release(pieces: readonly Piece[]): void {
    let extents = 0;
    for (const piece of pieces) {
      if (Buffer.isBuffer(piece)) this.#give(Math.min(piece.length, this.#memoryUsed));
      else extents += 1;
    }
    if (extents > 0) this.spill.free(extents);
  }

  #give(bytes: number): void {
    this.#memoryUsed -= bytes;
    this.#shared?.give(bytes);
  }
}

export class UploadWriter {
  readonly #staging: Staging;
  readonly #deflater: Deflater;
  readonly #pieces: Piece[] = [];
  readonly #points: FlushPoint[] = [];
  #compressedBytes = 0;
  #state: 'open' | 'finished' | 'aborted' = 'open';

  constructor(staging: Staging) {
    this.#staging = staging;
    this.#deflater = new Deflater(staging.level, (data, point) => this.#take(data, point));
  }

  /** The number of uncompressed bytes so far, which is also the next byte's offset. */
  get length(): number {
    return this.#deflater.length;
  }

  /**
   * Copies the bytes. A string is encoded as latin1. If this rejects with 'no-space' or 'io', call
   * abort().
   */
  async write(bytes: Buffer | string): Promise<void> {
    await this.#deflater.write(bytes);
  }

  /** Tells the writer that a line or message starts here. */
  async mark(): Promise<void> {
    await this.#deflater.mark();
  }

  async finish(): Promise<StagedUpload> {
    await this.#deflater.flush();
    if (this.#state !== 'open') throw new BackupError('closed', 'the segment is finished or aborted');
    this.#state = 'finished';
    const { length, crc32 } = this.#deflater.position;
    return new StagedUpload(this.#staging, this.#pieces, {
      length,
      crc32,
      compressedBytes: this.#compressedBytes,
      points: this.#points,
    });
  }

  /** Frees all pieces. The caller may call this while a write is running. */
  abort(): void {
    if (this.#state !== 'open') return;
    this.#state = 'aborted';
    this.#staging.release(this.#pieces.splice(0));
  }

  async #take(data: Buffer, point: number | null): Promise<void> {
    if (point !== null) this.#points.push({ offset: point, fileOffset: this.#compressedBytes });
    this.#compressedBytes += data.length;
    const piece = await this.#staging.hold(data);
    if (this.#state === 'aborted') this.#staging.release([piece]);
    else this.#pieces.push(piece);
  }
}

export interface UploadSummary {
  /** The number of uncompressed bytes. */
  readonly length: number;
  /** CRC-32 of the uncompressed bytes. */
  readonly crc32: number;
  readonly compressedBytes: number;
  /**
   * Flush points relative to the segment's start. The first is {0, 0}. The list is empty if the
   * segment is empty.
   */
  readonly points: readonly FlushPoint[];
}

/**
 * Compressed bytes that can be copied after any flush boundary. They refer to no earlier data, and
 * end at a byte boundary.
 */
export interface Spliceable extends UploadSummary {
  /** Returns the compressed bytes, in pieces of bounded size. */
  compressed(): AsyncIterable<Buffer> | Iterable<Buffer>;
}

export class StagedUpload implements Spliceable {
  readonly length: number;
  readonly crc32: number;
  readonly compressedBytes: number;
  readonly points: readonly FlushPoint[];
  readonly #staging: Staging;
  readonly #pieces: Piece[];
  #dropped = false;

  constructor(staging: Staging, pieces: Piece[], summary: UploadSummary) {
    this.#staging = staging;
    this.#pieces = pieces;
    this.length = summary.length;
    this.crc32 = summary.crc32;
    this.compressedBytes = summary.compressedBytes;
    this.points = summary.points;
  }

  /** Frees the segment's bytes. */
  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#staging.release(this.#pieces.splice(0));
  }

  /** Returns the segment's compressed bytes, in pieces of bounded size. */
  async *compressed(): AsyncGenerator<Buffer, void, undefined> {
    this.#assertHeld();
    for (const piece of this.#pieces) {
      if (Buffer.isBuffer(piece)) {
        yield piece;
        continue;
      }
      for (let at = 0; at < piece.size; at += COPY_BYTES) {
        yield await this.#staging.spill.read(piece, at, Math.min(COPY_BYTES, piece.size - at));
      }
    }
  }

  /**
   * Returns a part of the uncompressed bytes. Throws 'bad-parameters' for a range outside the
   * segment.
   */
  readRange(offset: number, size: number): Buffer {
    this.#assertHeld();
    if (offset < 0 || size < 0 || offset + size > this.length) {
      throw new BackupError('bad-parameters', `bytes ${offset}+${size} of a segment of ${this.length}`);
    }
    const range = Buffer.allocUnsafe(size);
    const inflater = new Inflater();
    try {
      this.#inflateRange(inflater, offset, range);
    } finally {
      inflater.close();
    }
    return range;
  }

  #inflateRange(inflater: Inflater, offset: number, range: Buffer): void {
    const point = this.points.findLast((point) => point.offset <= offset);
    let skip = offset - (point?.offset ?? 0);
    let filled = 0;
    const scratch = Buffer.allocUnsafe(65_536);
    for (const input of this.#compressedFrom(point?.fileOffset ?? 0)) {
      let taken = 0;
      let status = 'full';
      while (filled < range.length && (status === 'full' || taken < input.length)) {
        status = inflater.step(input, taken, input.length - taken, scratch, 0, scratch.length);
        if (status === 'damaged' || status === 'ended') throw new BackupError('damaged', 'a staged segment');
        taken += inflater.consumed;
        const from = Math.min(skip, inflater.produced);
        skip -= from;
        filled += scratch.copy(range, filled, from, inflater.produced);
      }
      if (filled === range.length) return;
    }
  }

  /** Reads the segment's compressed bytes from an offset on, synchronously. */
  *#compressedFrom(offset: number): Generator<Buffer, void, undefined> {
    let skip = offset;
    for (const piece of this.#pieces) {
      const size = sizeOf(piece);
      if (skip >= size) {
        skip -= size;
        continue;
      }
      yield this.#bytesOf(piece).subarray(skip);
      skip = 0;
    }
  }

  #bytesOf(piece: Piece): Buffer {
    if (Buffer.isBuffer(piece)) return piece;
    const bytes = Buffer.allocUnsafe(piece.size);
    this.#staging.spill.readSync(piece, 0, bytes, 0, piece.size);
    return bytes;
  }

  #assertHeld(): void {
    if (this.#dropped) throw new BackupError('closed', 'the segment is dropped');
  }
}
