/**
 * Reads a damaged chunk from a flush point, up to the damage. It is a source for the same parser
 * that reads whole chunks (chunkReader.ts), but ignores how the gzip member begins and ends.
 *
 * Unlike ChunkReader, it delivers every byte before the damage. If the data between two known flush
 * points inflates to another length than expected, reading stops there: all later data would get
 * wrong offsets.
 */
import zlib from 'node:zlib';
import { BackupError } from '../../errors.ts';
import { finish } from '../steps.ts';
import type { FlushPoint } from '../format.ts';
import { FLUSH_MARKER } from '../format.ts';
import { GatheredBytes } from './gatheredBytes.ts';
import { Inflater } from './inflater.ts';
import { emptyBlocks } from './member.ts';
import { readSyncInto } from '../../fs/io.ts';
import { PointFinder } from './points.ts';

const INPUT_BYTES = 65_536;
const OUTPUT_BYTES = 65_536;
const LINE_FEED = 10;
/** The reader reads more input from the file when less than this is left. */
const LEAST_AHEAD_BYTES = 16_384;
const MOST_PASSED = 4096;

export class DamagedReader {
  readonly #fd: number;
  readonly #fileEnd: number;
  /** The known flush points after the start, in order. */
  readonly #known: readonly FlushPoint[];
  readonly #inflater = new Inflater();
  readonly #finder: PointFinder;
  readonly #start: FlushPoint;
  /** Inflated bytes that the caller has not taken yet. The first is at `position`. */
  #pending: Buffer = Buffer.alloc(0);
  readonly #input = Buffer.allocUnsafe(INPUT_BYTES);
  /** The file offset of the input buffer, and the number of bytes in it. */
  #inputAt = -INPUT_BYTES;
  #inputEnd = 0;
  readonly #output = Buffer.allocUnsafe(OUTPUT_BYTES);
  #atMarker = false;
  /** How many of the known flush points the reader has passed. */
  #knownAt = 0;
  #inflated: number;
  #filePosition: number;
  #state: 'reading' | 'ended' | 'damaged' = 'reading';
  #passed: FlushPoint[] = [];
  /** CRC-32 of all inflated bytes since the start, including those not yet taken. */
  crc32 = 0;

  /** Reads no byte of the file at or after `fileEnd`. */
  constructor(fd: number, start: FlushPoint, fileEnd: number, known: readonly FlushPoint[]) {
    this.#fd = fd;
    this.#start = start;
    this.#fileEnd = fileEnd;
    this.#known = known.filter(({ fileOffset }) => fileOffset > start.fileOffset);
    this.#inflated = start.offset;
    this.#filePosition = start.fileOffset;
    this.#finder = new PointFinder(start);
  }

  /** Uncompressed offset of the next byte. */
  get position(): number {
    return this.#inflated - this.#pending.length;
  }

  /** Whether the deflate stream has ended cleanly and the caller has taken all of its bytes. */
  get isEnded(): boolean {
    return this.#state === 'ended' && this.#pending.length === 0;
  }

  /** The current file offset. It follows the last byte once the deflate stream has ended. */
  get filePosition(): number {
    return this.#filePosition;
  }

  /** The flush points found so far, including the start. */
  get points(): readonly FlushPoint[] {
    return this.#finder.points;
  }

  /**
   * The flush markers that the reader has passed, with their offsets from the start of this
   * reading. A long list is thinned, but always keeps the last marker.
   */
  get passed(): readonly FlushPoint[] {
    return this.#passed;
  }

  /** Forgets the markers before an offset. */
  forgetPassed(offset: number): void {
    if (this.#passed.length > 0) this.#passed = this.#passed.filter((point) => point.offset >= offset);
  }

  /** Returns a line with its line feed, or null at the clean end. Throws 'damaged' and 'limit'. */
  line(limitBytes: number): Buffer | null {
    return finish(this.lineSteps(limitBytes));
  }

  /** Like line(), as a generator with one buffer in each step. */
  *lineSteps(limitBytes: number): Generator<void, Buffer | null> {
    const gathered = new GatheredBytes();
    for (; ; yield) {
      if (!this.#fill()) {
        if (gathered.length === 0 && this.#state === 'ended') return null;
        throw this.#unexpectedEnd();
      }
      const feed = this.#pending.indexOf(LINE_FEED);
      const piece = this.#take(feed === -1 ? this.#pending.length : feed + 1);
      if (gathered.length + piece.length > limitBytes)
        throw new BackupError('limit', `${this.#where()}: line over ${limitBytes} bytes`);
      gathered.add(piece);
      if (feed !== -1) return gathered.take();
    }
  }

  bytes(count: number): Buffer {
    const gathered = new GatheredBytes();
    this.stream(count, (piece) => gathered.add(piece));
    return gathered.take();
  }

  /** Passes bytes to the sink in pieces, or skips them. A piece is valid only during the call. */
  stream(count: number, sink: (piece: Buffer) => void = () => undefined): void {
    finish(this.streamSteps(count, sink));
  }

  /** Like stream(), as a generator that inflates one buffer in each step. */
  *streamSteps(count: number, sink: (piece: Buffer) => void = () => undefined): Generator<void, void> {
    for (let left = count; left > 0; yield) {
      if (!this.#fill()) throw this.#unexpectedEnd();
      const piece = this.#take(Math.min(left, this.#pending.length));
      left -= piece.length;
      sink(piece);
    }
  }

  /**
   * Returns the file offset of the flush marker at the current position, or null if there is none.
   */
  markerHere(): number | null {
    const here = this.position;
    if (this.#pending.length === 0) this.#fill();
    return this.passed.findLast(({ offset }) => offset === here)?.fileOffset ?? null;
  }

  /** Returns up to `count` of the next bytes without taking them. */
  peek(count: number): Buffer {
    while (this.#pending.length < count) {
      const before = Buffer.from(this.#pending);
      this.#pending = Buffer.alloc(0);
      const hasMore = this.#fill();
      this.#pending = Buffer.concat([before, this.#pending]);
      if (!hasMore) break;
    }
    return this.#pending.subarray(0, count);
  }

  close(): void {
    this.#inflater.close();
    this.#finder.close();
  }

  #take(count: number): Buffer {
    const piece = this.#pending.subarray(0, count);
    this.#pending = this.#pending.subarray(count);
    return piece;
  }

  /** Inflates more bytes. Returns false if there are none. */
  #fill(): boolean {
    while (this.#pending.length === 0 && this.#state === 'reading') this.#step();
    return this.#pending.length > 0;
  }

  /** Inflates up to the next marker or known point, or as much as one buffer takes. */
  #step(): void {
    const nextKnown = this.#nextKnown();
    const input = this.#ahead(nextKnown);
    const have = input.length;
    if (have === 0) {
      this.#state = 'damaged';
      return;
    }
    const repeats = this.#atMarker ? emptyBlocks(input) : 0;
    const marker = repeats > 0 ? repeats - FLUSH_MARKER.length : input.indexOf(FLUSH_MARKER);
    this.#atMarker = marker !== -1;
    // A marker may begin at the end of the input, so its possible first bytes are left for the next
    // step.
    const isCut = this.#filePosition + have < nextKnown;
    const end =
      marker === -1
        ? Math.max(1, have - (isCut ? FLUSH_MARKER.length - 1 : 0))
        : marker + FLUSH_MARKER.length;
    const output = this.#output;
    const status = this.#inflater.step(input, 0, end, output, 0, OUTPUT_BYTES);
    const { consumed, produced } = this.#inflater;
    if (status === 'damaged') return this.#salvageStep();
    this.#finder.follow({
      input,
      inputOffset: 0,
      inputLength: end,
      consumed,
      output,
      outputLength: OUTPUT_BYTES,
      produced,
    });
    this.#advance(output.subarray(0, produced), consumed);
    if (status === 'ended') this.#end();
    else if (status === 'more') this.#atInputEnd(marker !== -1);
  }

  /** Returns the input up to the next known point. Reads more when little input is left. */
  #ahead(limit: number): Buffer {
    const from = this.#filePosition - this.#inputAt;
    const isLow = from < 0 || this.#inputEnd - from < LEAST_AHEAD_BYTES;
    if (isLow && this.#inputAt + this.#inputEnd < this.#fileEnd) {
      this.#inputAt = this.#filePosition;
      const size = Math.max(0, Math.min(INPUT_BYTES, this.#fileEnd - this.#inputAt));
      this.#inputEnd = readSyncInto(this.#fd, this.#input, 0, size, this.#inputAt);
    }
    const start = this.#filePosition - this.#inputAt;
    return this.#input.subarray(start, Math.max(start, Math.min(this.#inputEnd, limit - this.#inputAt)));
  }

  #end(): void {
    this.#state = 'ended';
    this.#finder.finish(this.#inflated);
  }

  #advance(output: Buffer, consumed: number): void {
    this.#pending = output;
    this.crc32 = zlib.crc32(output, this.crc32);
    this.#inflated += output.length;
    this.#filePosition += consumed;
  }

  #nextKnown(): number {
    const known = this.#known;
    while ((known[this.#knownAt]?.fileOffset ?? Infinity) <= this.#filePosition) this.#knownAt += 1;
    return known[this.#knownAt]?.fileOffset ?? this.#fileEnd;
  }

  /** Called once all input up to a marker, known point or buffer end is inflated. */
  #atInputEnd(isMarker: boolean): void {
    const here = { offset: this.#inflated, fileOffset: this.#filePosition };
    if (isMarker) {
      if (this.#passed.at(-1)?.offset === here.offset) this.#passed.pop();
      this.#passed.push(here);
      if (this.#passed.length > MOST_PASSED) this.#passed = this.#passed.filter((_, at) => at % 2 === 0);
      this.#finder.candidate(here);
    }
    const known = this.#known[this.#knownAt];
    if (known?.fileOffset === here.fileOffset && known.offset !== here.offset) this.#state = 'damaged';
  }

  /**
   * Recovers the output of a failed step, which zlib does not report. Inflates everything before
   * that step again, then continues one byte at a time. When the output is full, zlib stops before
   * it meets the damage.
   */
  #salvageStep(): void {
    this.#state = 'damaged';
    const again = new Inflater();
    const input = Buffer.allocUnsafe(INPUT_BYTES);
    const output = Buffer.allocUnsafe(OUTPUT_BYTES);
    const gained = Buffer.allocUnsafe(OUTPUT_BYTES);
    let [have, taken, at, offset, length] = [0, 0, this.#start.fileOffset, this.#start.offset, 0];
    try {
      while (length < gained.length) {
        if (taken === have) {
          have = readSyncInto(this.#fd, input, 0, Math.min(INPUT_BYTES, this.#fileEnd - at), at);
          taken = 0;
          at += have;
          if (have === 0) break;
        }
        const room = Math.max(1, Math.min(OUTPUT_BYTES, this.#inflated - offset));
        const status = again.step(input, taken, have - taken, output, 0, room);
        if (status === 'damaged' || status === 'ended') break;
        taken += again.consumed;
        if (offset < this.#inflated) offset += again.produced;
        else length += output.copy(gained, length, 0, again.produced);
      }
      this.#advance(gained.subarray(0, length), 0);
    } finally {
      again.close();
    }
  }

  #where(): string {
    return `from offset ${this.#start.offset} on, offset ${this.position}`;
  }

  #unexpectedEnd(): BackupError {
    const what = this.#state === 'ended' ? 'ends in mid-line' : 'does not inflate any further';
    return new BackupError('damaged', `${this.#where()}: the chunk ${what}`);
  }
}
