/**
 * Inflates one gzip member from a file, in bounded memory, and determines how it ends:
 *
 * - complete: the trailer's CRC-32 and size are right.
 * - torn: the file ends first, as after a kill or a power cut.
 * - damaged: anything else.
 *
 * Everything that inflates is delivered first. With `findPoints` the input is cut at each flush
 * marker, so that the output's position there is known. These boundaries are the places where a
 * torn member can be ended, and the candidates for flush points.
 */
import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import {
  EMPTY_BLOCK,
  FLUSH_MARKER,
  MEMBER_HEADER,
  MEMBER_TRAILER_BYTES,
  isTrailerOf,
  type FlushPoint,
} from '../format.ts';
import { Inflater } from './inflater.ts';
import { readSyncInto } from '../../fs/io.ts';
import { PointFinder } from './points.ts';

export type MemberState = 'reading' | 'complete' | 'torn' | 'damaged';

/**
 * A byte-aligned place after a flush. Everything before this place inflates, and the member can be
 * ended here.
 */
export interface Boundary {
  /** The number of uncompressed bytes before the boundary. */
  length: number;
  /** The boundary's offset in the file. */
  fileEnd: number;
  /** CRC-32 of the uncompressed bytes before the boundary. */
  crc32: number;
}

const INPUT_BYTES = 65_536;

/**
 * Checks the magic and the method, and that there are no optional fields. The header's time, extra
 * flags and system are ignored.
 */
export function isMemberHeader(bytes: Buffer): boolean {
  return bytes.length >= MEMBER_HEADER.length && bytes.compare(MEMBER_HEADER, 0, 4, 0, 4) === 0;
}

/**
 * Counts the bytes of the empty stored blocks at the start of `bytes`. Such blocks occur if one
 * flush follows another with nothing in between.
 */
export function emptyBlocks(bytes: Buffer): number {
  const step = EMPTY_BLOCK.length;
  let length = 0;
  while (length + step <= bytes.length && EMPTY_BLOCK.compare(bytes, length, length + step) === 0)
    length += step;
  return length;
}

export class MemberInflater {
  state: MemberState = 'reading';
  /** Uncompressed bytes delivered so far. */
  inflated = 0;
  crc32 = 0;
  /** The file offset at which the member ends. Valid once the state is complete. */
  fileEnd: number;
  sha1: string | null = null;
  readonly #fd: number;
  readonly #fileOffset: number;
  readonly #limit: number;
  readonly #finder: PointFinder | null;
  readonly #sha1 = createHash('sha1');
  readonly #inflater = new Inflater();
  #boundaries: Boundary[] = [];
  readonly #input = Buffer.allocUnsafe(INPUT_BYTES);
  /**
   * Four numbers about the input: its offset in the file, its length, how much the inflater has
   * consumed, and where the next step must end.
   */
  #inputBase: number;
  #inputEnd = 0;
  #taken = 0;
  #stepEnd = 0;
  #atMarker = false;
  /**
   * Whether input is passed one byte at a time, which starts after damage. The good output before
   * the damage is then not lost with the failing step.
   */
  #crawling = false;

  /** Reads no byte of the file at or after `limit`. */
  constructor(fd: number, fileOffset: number, limit: number, findPoints: boolean) {
    this.#fd = fd;
    this.#fileOffset = fileOffset;
    this.#limit = limit;
    this.#inputBase = fileOffset + MEMBER_HEADER.length;
    this.fileEnd = fileOffset;
    this.#finder = findPoints ? new PointFinder({ offset: 0, fileOffset: this.#inputBase }) : null;
    this.#readHeader();
  }

  /** The file offset just after the last byte read. */
  get readUpTo(): number {
    return this.#inputBase + this.#inputEnd;
  }

  get points(): FlushPoint[] {
    return this.#finder?.points ?? [];
  }

  /**
   * Returns the flush boundary with exactly `length` uncompressed bytes before it, or null if it
   * was never found or is forgotten.
   */
  boundaryAt(length: number): Boundary | null {
    return this.#boundaries.find((boundary) => boundary.length === length) ?? null;
  }

  /** Forgets the boundaries before `length`. */
  forgetBefore(length: number): void {
    const first = this.#boundaries.findIndex((boundary) => boundary.length >= length);
    this.#boundaries = first === -1 ? [] : this.#boundaries.slice(first);
  }

  /** Writes at least one byte to the output. Returns 0 once the member has ended (see `state`). */
  fill(output: Buffer): number {
    while (this.state === 'reading') {
      const produced = this.#step(output);
      if (produced > 0) return produced;
    }
    return 0;
  }

  close(): void {
    this.#inflater.close();
    this.#finder?.close();
  }

  #readHeader(): void {
    const header = Buffer.alloc(MEMBER_HEADER.length);
    const size = Math.min(header.length, Math.max(0, this.#limit - this.#fileOffset));
    const have = readSyncInto(this.#fd, header, 0, size, this.#fileOffset);
    this.#sha1.update(header);
    if (have < header.length) this.#end('torn');
    else if (!isMemberHeader(header)) this.#end('damaged');
    else this.#planStep();
  }

  /**
   * Moves the unconsumed input to the buffer's front and reads more after it. Returns false at the
   * end of the file.
   */
  #refill(): boolean {
    if (!this.#crawling) this.#sha1.update(this.#input.subarray(0, this.#taken));
    this.#input.copyWithin(0, this.#taken, this.#inputEnd);
    this.#inputBase += this.#taken;
    this.#inputEnd -= this.#taken;
    this.#taken = 0;
    const position = this.#inputBase + this.#inputEnd;
    const size = Math.min(this.#input.length - this.#inputEnd, this.#limit - position);
    const have = readSyncInto(this.#fd, this.#input, this.#inputEnd, size, position);
    this.#inputEnd += have;
    return have > 0;
  }

  /**
   * Decides where the next steps end: at a marker, or at the last offset before which certainly no
   * marker begins.
   */
  #planStep(): void {
    const partOfMarker = this.#finder === null || this.#crawling ? 0 : FLUSH_MARKER.length - 1;
    const more = this.#inputEnd - this.#taken > partOfMarker || this.#refill();
    const repeats = this.#atMarker && partOfMarker > 0 ? emptyBlocks(this.#unread()) : 0;
    const marker = partOfMarker === 0 || repeats > 0 ? -1 : this.#unread().indexOf(FLUSH_MARKER);
    this.#atMarker = marker !== -1 || repeats > 0;
    if (repeats > 0) this.#stepEnd = this.#taken + repeats;
    else if (marker !== -1) this.#stepEnd = this.#taken + marker + FLUSH_MARKER.length;
    else this.#stepEnd = more ? Math.max(this.#taken, this.#inputEnd - partOfMarker) : this.#inputEnd;
    if (this.#crawling) this.#stepEnd = Math.min(this.#stepEnd, this.#taken + 1);
  }

  #unread(): Buffer {
    return this.#input.subarray(this.#taken, this.#inputEnd);
  }

  #step(output: Buffer): number {
    const inputOffset = this.#taken;
    const inputLength = this.#stepEnd - inputOffset;
    const inflater = this.#inflater;
    const status = inflater.step(this.#input, inputOffset, inputLength, output, 0, output.length);
    const { consumed, produced } = inflater;
    this.#taken += consumed;
    this.inflated += produced;
    this.crc32 = zlib.crc32(output.subarray(0, produced), this.crc32);
    if (!this.#crawling && status !== 'damaged') {
      const outputLength = output.length;
      const input = this.#input;
      this.#finder?.follow({ input, inputOffset, inputLength, consumed, output, outputLength, produced });
    }
    if (status === 'damaged') this.#crawl();
    else if (status === 'ended') this.#readTrailer();
    else if (status === 'more') this.#tookAll();
    return produced;
  }

  #tookAll(): void {
    if (this.#atMarker) this.#noteBoundary();
    this.#planStep();
    if (this.#stepEnd === this.#taken) this.#end('torn');
  }

  #noteBoundary(): void {
    const fileEnd = this.#inputBase + this.#taken;
    this.#finder?.candidate({ offset: this.inflated, fileOffset: fileEnd });
    if (this.#boundaries.at(-1)?.length === this.inflated) return;
    this.#boundaries.push({ length: this.inflated, fileEnd, crc32: this.crc32 });
  }

  /**
   * Recovers the lines before the damage. A failing step does not report its output, and up to 64
   * KiB of input went into that step. This function therefore inflates again up to the step's
   * start, from the last flush point if one is known. It then continues one byte at a time.
   */
  #crawl(): void {
    if (this.#crawling) return this.#end('damaged');
    this.#crawling = true;
    this.#inflater.reset();
    const start = { offset: 0, fileOffset: this.#fileOffset + MEMBER_HEADER.length };
    const { offset, fileOffset } = this.#finder?.points.at(-1) ?? start;
    this.#inputBase = fileOffset;
    this.#inputEnd = 0;
    this.#taken = 0;
    const scratch = Buffer.allocUnsafe(INPUT_BYTES);
    for (let again = offset; again < this.inflated; again += this.#inflater.produced) {
      if (this.#taken === this.#inputEnd) this.#refill();
      const room = Math.min(scratch.length, this.inflated - again);
      const inputLength = this.#inputEnd - this.#taken;
      const status = this.#inflater.step(this.#input, this.#taken, inputLength, scratch, 0, room);
      if (status === 'damaged' || status === 'ended' || this.#inflater.produced + inputLength === 0) {
        return this.#end('damaged');
      }
      this.#taken += this.#inflater.consumed;
    }
    this.#planStep();
  }

  #readTrailer(): void {
    const at = this.#inputBase + this.#taken;
    const trailer = Buffer.alloc(MEMBER_TRAILER_BYTES);
    const size = Math.min(trailer.length, this.#limit - at);
    if (readSyncInto(this.#fd, trailer, 0, size, at) < trailer.length) return this.#end('torn');
    if (!isTrailerOf(trailer, this.crc32, this.inflated) || this.#crawling) return this.#end('damaged');
    this.#sha1.update(this.#input.subarray(0, this.#taken)).update(trailer);
    this.fileEnd = at + trailer.length;
    this.sha1 = this.#sha1.digest('hex');
    this.#end('complete');
  }

  #end(state: MemberState): void {
    this.state = state;
    if (state !== 'damaged') this.#finder?.finish(this.inflated);
  }
}
