/**
 * Reads the chunks of a data file in bounded memory, and finds the next chunk after damage. Each
 * chunk is a synchronous source for a parser.
 *
 * This reader does not interpret a chunk's bytes. It cannot tell where log lines end, because
 * messages contain line feeds too. The parser therefore asks for a line, for a number of bytes, or
 * to skip bytes.
 */
import { BackupError } from '../../errors.ts';
import { CHUNK_HEADER, MEMBER_HEADER, type FlushPoint } from '../format.ts';
import { GatheredBytes } from './gatheredBytes.ts';
import { Inflater } from './inflater.ts';
import { finish } from '../steps.ts';
import { readSyncInto } from '../../fs/io.ts';
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
   * Opens the member that begins at `fileOffset`. Reads no byte at or after `fileEnd`. Set
   * `findPoints` for a member that no index describes: the reader then fills `points` and supports
   * boundaryAt(), but takes about twice as long.
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
   * The member's state:
   *
   * - complete: everything has been read, and the CRC-32 and size are right.
   * - torn: the file ended before the member did.
   * - damaged: the member ended or failed in any other way.
   * - reading: bytes are left to read, even if the member's end has been reached.
   */
  get state(): MemberState {
    return this.#start < this.#end ? 'reading' : this.#member.state;
  }

  /** The file offset up to which the reader has read, for progress reports. */
  get readUpTo(): number {
    return this.#member.readUpTo;
  }

  /** The file offset at which the member ends. Valid once the state is complete. */
  get fileEnd(): number {
    return this.#member.fileEnd;
  }

  /** CRC-32 of all uncompressed bytes. Valid once the member has ended. */
  get crc32(): number {
    return this.#member.crc32;
  }

  /**
   * The flush points found so far, if `findPoints` is set. The list is complete only after the
   * member's end.
   */
  get points(): FlushPoint[] {
    return this.#member.points;
  }

  /**
   * Hex SHA-1 of the member's bytes in the file. Throws 'damaged' unless the member is complete.
   */
  get memberSha1(): string {
    if (this.#member.sha1 === null) throw this.#unexpectedEnd();
    return this.#member.sha1;
  }

  /**
   * Returns the bytes up to and including the next line feed, or null at the end of a complete
   * member. Throws 'limit' if the line is too long. Throws 'damaged' if the bytes end before the
   * line does (see `state`), even in a complete member.
   */
  line(limitBytes: number): Buffer | null {
    return finish(this.lineSteps(limitBytes));
  }

  /** Like line(), as a generator that inflates one buffer in each step. */
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

  /**
   * Returns the next `count` bytes. The caller must limit the count. Throws 'damaged' if there are
   * fewer.
   */
  bytes(count: number): Buffer {
    const gathered = new GatheredBytes();
    this.stream(count, (piece) => gathered.add(piece));
    return gathered.take();
  }

  /**
   * Passes `count` bytes to the sink in pieces, or skips them. A piece is valid only during the
   * call. Throws 'damaged'.
   */
  stream(count: number, sink?: (piece: Buffer) => void): void {
    finish(this.streamSteps(count, sink));
  }

  /** Like stream(), as a generator that inflates one buffer in each step. */
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
   * Returns the flush boundary at `position`, at which the member could be ended, or null. Needs
   * `findPoints`. Call it as soon as a line's end is reached: the reader forgets boundaries before
   * the current position.
   */
  boundaryAt(position: number): Boundary | null {
    if (position === this.position) this.#fill();
    return this.#member.boundaryAt(position);
  }

  /** Releases zlib's memory. The descriptor still belongs to the caller. */
  close(): void {
    this.#member.close();
  }

  /** Inflates more bytes. Returns false if there are none. */
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

/** This many compressed bytes are more than enough to inflate the header line. */
const PROBE_BYTES = 512;
const SCAN_BYTES = 65_536;

/**
 * Reports whether a chunk begins here. At the end of the file, a partial header line is enough.
 */
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
 * Returns the next offset at or after `from` at which a chunk begins, or null. The caller uses it
 * to continue after damage, or after a member that Cyrus' own tools left torn.
 *
 * The header's magic alone occurs by chance in compressed data, so the header line must inflate
 * too. Mail cannot plant a header in a stored block: a gzip header has a NUL, which Cyrus refuses.
 */
export function findMember(fd: number, from: number, fileEnd: number): number | null {
  return finish(findMemberSteps(fd, from, fileEnd));
}

/** The same search as a generator that reads one buffer in each step. */
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
