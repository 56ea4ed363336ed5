/**
 * Reads the undamaged parts of a damaged chunk, line by line.
 *
 * Inflating can resume after damage only at a flush point, so the chunk is read in runs. A run
 * starts at a flush point and ends where the data no longer inflates or is no valid line. The next
 * run starts at a later flush point at which a line or a message begins.
 *
 * An index from before the damage knows the chunk's flush points and messages. With it, offsets
 * stay correct, and data inside a message is never mistaken for a line. Without it, the reader
 * searches for flush points, and counts its own offsets after the damage. Messages are checked
 * against their GUID; lines cannot be checked.
 */
import { createHash } from 'node:crypto';
import { BackupError } from '../../errors.ts';
import {
  CHUNK_HEADER,
  EMPTY_BLOCK,
  FLUSH_MARKER,
  MEMBER_HEADER,
  MEMBER_TRAILER_BYTES,
  isTrailerOf,
} from '../../log/format.ts';
import type { FlushPoint } from '../../log/format.ts';
import { readSyncInto } from '../../fs/io.ts';
import { readBeginning } from '../../log/read/blocks.ts';
import { emptyBlocks } from '../../log/read/member.ts';
import { DamagedReader } from '../../log/read/damagedReader.ts';
import { FileLiteral } from '../../protocol/dlist.ts';
import { logLineSteps } from '../../protocol/logDriver.ts';
import type { SteppedByteSource } from '../../protocol/logDriver.ts';
import type { LogLine } from '../../protocol/grammar.ts';
import { logLimits } from '../../protocol/limits.ts';
import type { KnownChunk } from './knownChunk.ts';

export interface CheckedFile {
  readonly file: FileLiteral;
  /** The message's bytes match its GUID. */
  readonly whole: boolean;
}

/** A complete line, or the fully read messages of an incomplete MESSAGE line. */
export interface RecoveredLine {
  readonly line: LogLine;
  readonly files: readonly CheckedFile[];
  /** Uncompressed offset of the line's end. */
  readonly end: number;
  /** File offset of the flush marker that ends the line; null if no flush marker ends it. */
  readonly fileEnd: number | null;
}

/** The place where the first run begins. */
export interface SalvageStart extends FlushPoint {
  /** No line of the chunk can have an earlier time. */
  readonly time: number;
}

/** Returns the first compressed byte of the member at `fileOffset`. */
export function memberStart(fileOffset: number): SalvageStart {
  return { offset: 0, fileOffset: fileOffset + MEMBER_HEADER.length, time: 0 };
}

export interface Break {
  /** Uncompressed offset up to which the chunk was read. */
  readonly position: number;
  readonly reason: string;
}

/** Enough bytes for the longest beginning of a line or a message. */
const PROBE_BYTES = 256;
const CLOCK_TOLERANCE_S = 86_400;
const SCAN_BYTES = 65_536;
const LINE_START = /^[0-9]{1,12} APPLY [A-Z_]+ /;
const FILE_START = /^ ?%\{[^\r\n{}]+ [0-9a-fA-F]{40} [0-9]+\}\r\n/;

export class DamagedChunk {
  readonly breaks: Break[] = [];
  /** Flush points found after the part of the chunk that the index knows. */
  readonly points: FlushPoint[] = [];
  /** CRC-32 of the last run's bytes. */
  crc32 = 0;
  /** The chunk was read in one run, and the CRC-32 and size in its trailer are right. */
  hasItsChecksum = false;
  readonly #fd: number;
  readonly #fileEnd: number;
  readonly #known: KnownChunk | null;
  /** The index may know the chunk only up to these file and uncompressed offsets. */
  readonly #knownEnd: number;
  readonly #knownLength: number;
  /** Uncompressed end of the last undamaged part. */
  #good = 0;
  #time = 0;
  /** No line of the chunk can have a later time. */
  readonly #latest: number;
  readonly #start: FlushPoint;
  #files: CheckedFile[] = [];

  /** Reads a member, beginning at `start`. No byte at or after `fileEnd` belongs to the member. */
  constructor(fd: number, start: SalvageStart, fileEnd: number, known: KnownChunk | null) {
    this.#start = start;
    this.#time = start.time;
    this.#fd = fd;
    this.#fileEnd = fileEnd;
    this.#known = known;
    this.#knownEnd = known?.chunk.fileEnd ?? 0;
    this.#knownLength = known?.chunk.length ?? 0;
    const isKnown = known !== null && this.#knownEnd >= fileEnd;
    this.#latest = isKnown ? known.chunk.tsEnd : Math.floor(Date.now() / 1000) + CLOCK_TOLERANCE_S;
  }

  /** Yields the lines, in steps of about a millisecond. It yields null to let other work run. */
  *lines(): Generator<RecoveredLine | null> {
    let start: FlushPoint | null = this.#start;
    while (start !== null) {
      const from: FlushPoint = start;
      const run = new DamagedReader(this.#fd, from, this.#fileEnd, this.#known?.points ?? []);
      try {
        yield* this.#readRun(run, from);
        // A call takes at most some 120,000 arguments; a chunk of gigabytes has more points.
        for (const point of run.points) if (point.fileOffset >= this.#knownEnd) this.points.push(point);
        this.crc32 = run.crc32;
        this.hasItsChecksum = run.isEnded && from.offset === 0 && this.#isTrailerOf(run);
        start = run.isEnded ? null : yield* this.#nextStart(from, run);
      } finally {
        run.close();
      }
    }
  }

  #isTrailerOf({ filePosition, crc32, position }: DamagedReader): boolean {
    const trailer = Buffer.alloc(MEMBER_TRAILER_BYTES);
    readSyncInto(this.#fd, trailer, 0, trailer.length, filePosition);
    return isTrailerOf(trailer, crc32, position);
  }

  /** Reads one run: from a flush point to the clean end, or to where nothing is readable. */
  *#readRun(run: DamagedReader, start: FlushPoint): Generator<RecoveredLine | null> {
    let prefix: Buffer | null = null;
    try {
      if (start.offset === 0) run.stream(CHUNK_HEADER.length);
      else if (FILE_START.test(run.peek(PROBE_BYTES).toString('latin1'))) {
        prefix = Buffer.from(`${this.#time} APPLY MESSAGE (`);
      } else if (this.#known !== null && start.offset < this.#knownLength)
        prefix = yield* inTurns(this.#nextLine(run, this.#known));
    } catch (error) {
      this.#break(error, run);
      return;
    }
    for (;;) {
      let read: RecoveredLine | null;
      try {
        read = yield* inTurns(this.#readLine(run, prefix));
        prefix = null;
        if (read === null) return;
      } catch (error) {
        const isInStep = this.#break(error, run);
        const files = this.#files.filter(({ whole }) => whole);
        this.#files = [];
        if (files.length > 0) yield this.#partOf(files);
        if (!isInStep || this.#known === null || run.position >= this.#knownLength) return;
        try {
          prefix = yield* inTurns(this.#nextLine(run, this.#known));
          continue;
        } catch (second) {
          this.#break(second, run);
          return;
        }
      }
      this.#good = read.end;
      run.forgetPassed(read.end);
      this.#time = read.line.time;
      yield read;
    }
  }

  *#readLine(run: DamagedReader, prefix: Buffer | null): Generator<void, RecoveredLine | null> {
    this.#files = [];
    const line = yield* logLineSteps(prefixed(run, prefix), logLimits, (file) => this.#check(run, file));
    if (line === null) return null;
    if (line.verb !== 'APPLY') throw new BackupError('syntax', `unknown verb ${line.verb} in the log`);
    // The line's name is damaged, but its messages are still usable: see #partOf().
    if (line.name !== 'MESSAGE' && this.#files.length > 0) {
      throw new BackupError('syntax', `${line.name} with messages`);
    }
    // A wrong digit in the time would give all later lines a time in the future.
    if (line.time < this.#time || line.time > this.#latest) {
      throw new BackupError('syntax', `a line of the time ${line.time}`);
    }
    return { line, files: this.#files, end: run.position, fileEnd: run.markerHere() };
  }

  *#check(run: DamagedReader, file: FileLiteral): Generator<void, void> {
    const hash = createHash('sha1');
    yield* run.streamSteps(file.size, (piece) => hash.update(piece));
    this.#files.push({ file, whole: hash.digest('hex') === file.guid });
  }

  /** Returns the fully read messages of an incomplete MESSAGE line. */
  #partOf(files: readonly CheckedFile[]): RecoveredLine {
    const value = files.map(({ file }) => file);
    const end = Math.max(...value.map(({ position, size }) => position + size));
    this.#good = Math.max(this.#good, end);
    return { line: { time: this.#time, verb: 'APPLY', name: 'MESSAGE', value }, files, end, fileEnd: null };
  }

  /** Records what ended a line. Returns whether the data after it inflates correctly. */
  #break(error: unknown, run: DamagedReader): boolean {
    if (!(error instanceof BackupError)) throw error;
    this.breaks.push({ position: run.position, reason: error.message });
    return error.kind === 'syntax' || error.kind === 'limit';
  }

  /**
   * Skips data that is no line. Returns the next line, which has already been read from `run`.
   * Throws 'damaged' if no line follows.
   */
  *#nextLine(run: DamagedReader, known: KnownChunk): Generator<void, Buffer | null> {
    for (;;) {
      const start = run.position;
      const line = yield* run.lineSteps(logLimits.lineBytes);
      if (line === null) return null;
      if (!known.isInMessage(start) && LINE_START.test(line.toString('latin1', 0, PROBE_BYTES))) return line;
    }
  }

  /** Returns the next flush point after the undamaged part at which a run can begin. */
  *#nextStart(from: FlushPoint, run: DamagedReader): Generator<null, FlushPoint | null> {
    const isBehind = (point: FlushPoint): boolean =>
      point.fileOffset > from.fileOffset && point.offset >= this.#good;
    const known = this.#known?.points.find(isBehind);
    if (known !== undefined) return known;
    for (const point of this.#markers(from, run)) {
      yield null;
      if (point.fileOffset >= this.#knownEnd && isBehind(point) && this.#beginsItem(point)) return point;
    }
    return null;
  }

  #beginsItem(point: FlushPoint): boolean {
    const text = readBeginning(this.#fd, point.fileOffset, PROBE_BYTES, this.#fileEnd).toString('latin1');
    if (FILE_START.test(text)) return true;
    return LINE_START.test(text) && Number(text.slice(0, text.indexOf(' '))) >= this.#time;
  }

  /**
   * Yields the flush markers after a start. First come those that the run passed, with the offsets
   * that it counted. All later markers get the uncompressed offset at which the run ended.
   */
  *#markers(from: FlushPoint, run: DamagedReader): Generator<FlushPoint> {
    yield* run.passed;
    const offset = run.position + 1;
    const window = Buffer.allocUnsafe(SCAN_BYTES + FLUSH_MARKER.length);
    const behind = Math.max(run.passed.at(-1)?.fileOffset ?? from.fileOffset, this.#knownEnd);
    for (let base = behind; base < this.#fileEnd; base += SCAN_BYTES) {
      const size = Math.min(window.length, this.#fileEnd - base);
      const bytes = window.subarray(0, readSyncInto(this.#fd, window, 0, size, base));
      for (let at = bytes.indexOf(FLUSH_MARKER); at !== -1; at = bytes.indexOf(FLUSH_MARKER, at + 1)) {
        const fileOffset = base + at + FLUSH_MARKER.length;
        // If several flushes follow one another, only the last can begin an item.
        const next = at + FLUSH_MARKER.length;
        if (emptyBlocks(bytes.subarray(next, next + EMPTY_BLOCK.length)) > 0) continue;
        if (at < SCAN_BYTES && fileOffset < this.#fileEnd) yield { offset, fileOffset };
      }
    }
  }
}

/**
 * Returns a source that yields `prefix` before the rest of a run. The prefix is data already read
 * from the run, or a substitute for lost data.
 */
function prefixed(run: DamagedReader, prefix: Buffer | null): SteppedByteSource {
  if (prefix === null) return run;
  let isFirst = true;
  return {
    *lineSteps(limitBytes) {
      if (!isFirst) return yield* run.lineSteps(limitBytes);
      isFirst = false;
      if (prefix.at(-1) === 10) return prefix;
      return Buffer.concat([prefix, (yield* run.lineSteps(limitBytes)) ?? Buffer.alloc(0)]);
    },
    streamSteps: (count, sink) => run.streamSteps(count, sink),
    get position() {
      return run.position;
    },
  };
}

function* inTurns<T>(steps: Generator<void, T>): Generator<null, T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    yield null;
  }
}
