/**
 * Reads the chunks of a data file: each one as a synchronous source for a parser, in bounded memory, and the
 * next one after damage.
 *
 * What a chunk's bytes mean is not known here, so neither is where its lines end: a message holds line feeds.
 * The parser asks for a line, for so many bytes, or to pass over them.
 */
import { BackupError } from '../errors.ts';
import { CHUNK_HEADER, MEMBER_HEADER, type FlushPoint } from './format.ts';
import { GatheredBytes } from './gatheredBytes.ts';
import { Inflater } from './inflater.ts';
import { finish } from './steps.ts';
import { readSyncInto } from '../fs/io.ts';
import { isMemberHeader, MemberInflater, type Boundary, type MemberState } from './member.ts';

const OUTPUT_BYTES = 65_536;
const LINE_FEED = 10;

export class ChunkReader {
  readonly #member: MemberInflater;
  readonly #fileOffset: number;
  readonly #output = Buffer.allocUnsafe(OUTPUT_BYTES);
  #start = 0;
  #end = 0;

  /**
   * The member that begins at `fileOffset`; no byte at or behind `fileEnd` is read. `findPoints` is for members
   * that no index knows: it fills `points` and lets boundaryAt() answer, for about twice the time.
   */
  constructor(fd: number, fileOffset: number, fileEnd: number, options: { findPoints?: boolean } = {}) {
    this.#fileOffset = fileOffset;
    this.#member = new MemberInflater(fd, fileOffset, fileEnd, options.findPoints ?? false);
  }

  /** Uncompressed offset of the next byte. */
  get position(): number {
    return this.#member.inflated - (this.#end - this.#start);
  }

  /**
   * complete: all is read, CRC-32 and size are right. torn: the file ended first. damaged: neither. Stays
   * 'reading' while bytes that came before the end are left.
   */
  get state(): MemberState {
    return this.#start < this.#end ? 'reading' : this.#member.state;
  }

  /** How far in the file it has read: for showing progress. */
  get readUpTo(): number {
    return this.#member.readUpTo;
  }

  /** Where the member ends in the file; valid once complete. */
  get fileEnd(): number {
    return this.#member.fileEnd;
  }

  /** CRC-32 of all uncompressed bytes; valid after the end. */
  get crc32(): number {
    return this.#member.crc32;
  }

  /** With findPoints: the flush points that were tried and found good. All of them only after the end. */
  get points(): FlushPoint[] {
    return this.#member.points;
  }

  /** Hex SHA-1 of the member's bytes in the file. Throws 'damaged' unless it is complete. */
  get memberSha1(): string {
    if (this.#member.sha1 === null) throw this.#unexpectedEnd();
    return this.#member.sha1;
  }

  /**
   * Up to and including the next line feed; null at the clean end of a complete member. Throws 'limit' for a
   * longer line, 'damaged' where the bytes end before (see `state`), also if a complete member ends in mid-line.
   */
  line(limitBytes: number): Buffer | null {
    return finish(this.lineSteps(limitBytes));
  }

  /** The same in steps, of one buffer each. */
  *lineSteps(limitBytes: number): Generator<void, Buffer | null> {
    const gathered = new GatheredBytes();
    while (this.#fill()) {
      const piece = this.#output.subarray(this.#start, this.#end);
      const feed = piece.indexOf(LINE_FEED);
      const size = feed === -1 ? piece.length : feed + 1;
      if (gathered.length + size > limitBytes) {
        throw new BackupError('limit', `${this.#where()}: line over ${limitBytes} bytes`);
      }
      gathered.add(piece.subarray(0, size));
      this.#start += size;
      if (feed !== -1) return gathered.take();
      yield;
    }
    if (gathered.length === 0 && this.#member.state === 'complete') return null;
    throw this.#unexpectedEnd();
  }

  /** The next `count` bytes, which the caller limits. Throws 'damaged' if there are fewer. */
  bytes(count: number): Buffer {
    const gathered = new GatheredBytes();
    this.stream(count, (piece) => gathered.add(piece));
    return gathered.take();
  }

  /** Hands `count` bytes to the sink piece by piece, or skips them; a piece is valid only during the call. Throws 'damaged'. */
  stream(count: number, sink?: (piece: Buffer) => void): void {
    finish(this.streamSteps(count, sink));
  }

  /** The same in steps, of one buffer each. */
  *streamSteps(count: number, sink?: (piece: Buffer) => void): Generator<void, void> {
    let left = count;
    while (left > 0) {
      if (!this.#fill()) throw this.#unexpectedEnd();
      const size = Math.min(left, this.#end - this.#start);
      const piece = this.#output.subarray(this.#start, this.#start + size);
      this.#start += size;
      left -= size;
      sink?.(piece);
      yield;
    }
  }

  /**
   * With findPoints: the flush boundary at `position`, where the member could be ended, or null. Ask at once
   * when a line's end is reached: those before the current position are forgotten.
   */
  boundaryAt(position: number): Boundary | null {
    if (position === this.position) this.#fill();
    return this.#member.boundaryAt(position);
  }

  /** Gives zlib's memory back; the descriptor stays the caller's. */
  close(): void {
    this.#member.close();
  }

  /** False when there is no further byte. */
  #fill(): boolean {
    if (this.#start < this.#end) return true;
    this.#member.forgetBefore(this.#member.inflated);
    this.#start = 0;
    this.#end = this.#member.fill(this.#output);
    return this.#end > 0;
  }

  #where(): string {
    return `chunk at ${this.#fileOffset}, offset ${this.position}`;
  }

  #unexpectedEnd(): BackupError {
    const { state } = this.#member;
    const what =
      state === 'complete' ? 'ends in mid-line' : state === 'reading' ? 'is not at its end' : `is ${state}`;
    return new BackupError('damaged', `${this.#where()}: the chunk ${what}`);
  }
}

/** More than enough compressed bytes for the header line. */
const PROBE_BYTES = 512;
const SCAN_BYTES = 65_536;

/** Whether a chunk begins there; where the file is cut off, as much of its header line as there is. */
function beginsChunk(inflater: Inflater, probe: Buffer, atFileEnd: boolean): boolean {
  if (!isMemberHeader(probe)) return false;
  inflater.reset();
  const header = Buffer.alloc(CHUNK_HEADER.length);
  const skip = MEMBER_HEADER.length;
  const status = inflater.step(probe, skip, probe.length - skip, header, 0, header.length);
  if (status === 'damaged' || inflater.produced === 0) return false;
  const whole = inflater.produced === header.length;
  return (
    (whole || atFileEnd) && header.compare(CHUNK_HEADER, 0, inflater.produced, 0, inflater.produced) === 0
  );
}

/**
 * The next offset from `from` on at which a chunk begins, or null: to go on behind damage, or behind a member
 * that the originals left torn. The header's magic alone occurs by chance in compressed data, so the header line
 * must come out too. (Mail cannot plant one in a stored block: a gzip header has a NUL, which Cyrus refuses.)
 */
export function findMember(fd: number, from: number, fileEnd: number): number | null {
  return finish(findMemberSteps(fd, from, fileEnd));
}

/** The same in steps, of one buffer each. */
export function* findMemberSteps(fd: number, from: number, fileEnd: number): Generator<void, number | null> {
  const magic = MEMBER_HEADER.subarray(0, 4);
  const window = Buffer.allocUnsafe(SCAN_BYTES + PROBE_BYTES);
  const inflater = new Inflater();
  try {
    for (let base = from; base < fileEnd; base += SCAN_BYTES) {
      const size = readSyncInto(fd, window, 0, Math.min(window.length, fileEnd - base), base);
      const scanned = window.subarray(0, size);
      for (
        let at = scanned.indexOf(magic);
        at !== -1 && at < SCAN_BYTES;
        at = scanned.indexOf(magic, at + 1)
      ) {
        const probe = scanned.subarray(at, at + PROBE_BYTES);
        if (beginsChunk(inflater, probe, base + size === fileEnd)) return base + at;
      }
      yield;
    }
    return null;
  } finally {
    inflater.close();
  }
}
