/**
 * Scans one member for scan.ts: reads its lines, folds them, and decides whether it ends cleanly,
 * torn or damaged.
 *
 * Over 300 lines because reading, folding and judging one member share all of its state.
 */
import { createHash } from 'node:crypto';
import type { Chunk } from '../../index/types.ts';
import { fold, foldWholeSteps } from '../../index/fold/fold.ts';
import { IndexError, isFaultOfLine } from '../../index/store/indexErrors.ts';
import { Trial } from '../../index/fold/trial.ts';
import {
  chunkAt,
  deleteChunk,
  insertChunk,
  lastChunk,
  setChunkStart,
  updateChunk,
} from '../../index/queries/chunks.ts';
import { insertPointsSteps } from '../../index/queries/points.ts';
import { forgetBytes } from '../../index/queries/messages.ts';
import { FileLiteral } from '../../protocol/dlist.ts';
import { logLineSteps } from '../../protocol/logDriver.ts';
import type { LogLine } from '../../protocol/grammar.ts';
import { logLimits } from '../../protocol/limits.ts';
import type { Boundary } from '../../log/read/member.ts';
import { ChunkReader, findMemberSteps } from '../../log/read/chunkReader.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { fromLog } from '../lines/envelope.ts';
import { memberStart } from './damagedChunk.ts';
import type { CheckedFile } from './damagedChunk.ts';
import type { MemberOutcome, Scan } from './scanResult.ts';
import { hasAcknowledgedBehind, hasMissingSector, isZero } from './tornEnd.ts';

/** A line that was read, with its files. Each file says whether its bytes match the GUID. */
interface ReadLine {
  readonly line: LogLine;
  readonly files: readonly CheckedFile[];
  /** Uncompressed offset of the line's end. */
  readonly end: number;
}

/**
 * The lines that one commit wrote, up to a flush boundary: MESSAGE lines and the line that claims
 * their messages.
 */
interface Commit {
  readonly lines: readonly ReadLine[];
  readonly boundary: Boundary;
}

/** The state to return to if lines that were folded on trial are not proven. */
interface BeforeTrial {
  readonly trial: Trial;
  readonly lineEnd: number;
  readonly tsStart: number;
  readonly tsEnd: number;
  readonly damages: number;
  readonly messages: number;
}

/**
 * The maximum text length of unproven lines that are held in memory. Parsed lines take many times
 * the memory of their changes in the index. Lines beyond this limit are therefore folded on trial.
 * They are removed from the index again if nothing proves that they were committed.
 */
const MOST_UNPROVEN_BYTES = 4 << 20;

/**
 * Scans one member. A line is folded once it is proven to be committed. The proof is either a flush
 * boundary after a line other than MESSAGE, or the member's end. A kill in the middle of a large
 * commit leaves whole MESSAGE lines without a MAILBOX line after them, perhaps gigabytes. All of
 * them are dropped.
 *
 * The last commit is folded only after the scan has read what follows it. After a power cut, that
 * commit may lie in sectors that were never written.
 */
export class MemberScan {
  readonly #scan: Scan;
  readonly #reader: ChunkReader;
  readonly #fileOffset: number;
  readonly #chunkId: number;
  /** Uncompressed end of the last folded line. */
  #lineEnd = 0;
  #tsStart = 0;
  #tsEnd = 0;
  /** The flush boundary after the last folded commit. */
  #boundary: Boundary | null = null;
  /** The files of the current line whose bytes have been read. */
  #files: CheckedFile[] = [];
  /** The last commit that was read, until it is folded. */
  #last: Commit | null = null;
  /** The lines after `#last` that are not folded yet, and the length of their text. */
  #unproven: ReadLine[] = [];
  #unprovenBytes = 0;
  /** Uncompressed offset at which the unproven lines start. */
  #unprovenStart = 0;
  /**
   * Set while lines are folded on trial. These are the lines of `#last`, or else those after the
   * boundary.
   */
  #beforeTrial: BeforeTrial | null = null;

  constructor(scan: Scan, reader: ChunkReader, fileOffset: number, resume: Chunk | undefined) {
    this.#scan = scan;
    this.#reader = reader;
    this.#fileOffset = fileOffset;
    // A chunk without any line has no time of its own. It gets the previous chunk's time rather
    // than 1970.
    this.#tsEnd = lastChunk(scan.index)?.tsEnd ?? 0;
    this.#chunkId = resume?.id ?? insertChunk(scan.index, fileOffset, 0);
    if (resume === undefined) return;
    this.#lineEnd = resume.length;
    this.#unprovenStart = resume.length;
    this.#tsStart = resume.tsStart;
    this.#tsEnd = resume.tsEnd;
    this.#boundary = { length: resume.length, fileEnd: resume.fileEnd, crc32: resume.crc32 };
  }

  *run(): Generator<void, MemberOutcome> {
    const { fd, fileSize, isEnded, known, result } = this.#scan;
    const committed = this.#lineEnd;
    yield* this.#passCommitted(committed);
    const failure = yield* this.#foldLines();
    result.chunks += 1;
    if (failure === null) return { next: yield* this.#finishWhole(), isDamaged: false };
    const before = known === null ? undefined : chunkAt(known, this.#fileOffset);
    const isKnownEnded = before !== undefined && before.state !== 'open' && before.fileEnd <= fileSize;
    const next = isKnownEnded
      ? before.fileEnd
      : ((yield* findMemberSteps(fd, this.#fileOffset + 1, fileSize)) ?? fileSize);
    if (next === fileSize && !isEnded && !isKnownEnded) {
      if (yield* this.#finishTorn(before?.fileEnd ?? 0)) return { next, isDamaged: false };
      // An index that knows only a part of the chunk does not help to read the rest after damage.
      // The caller rebuilds the index.
      if (committed > 0) throw new BackupError('damaged', failure.message);
    }
    if (committed === 0) return { next, isDamaged: true };
    yield* this.#finishDamaged(failure, next);
    return { next, isDamaged: false };
  }

  /**
   * Skips the part of the chunk that the index knows. After a power cut, any bytes may follow that
   * part. Throws 'damaged' if the skipped part itself differs from what was committed; the caller
   * then rebuilds the index.
   */
  *#passCommitted(length: number): Generator<void, void> {
    if (length === 0) return;
    try {
      yield* this.#reader.streamSteps(length);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
    }
    if (this.#reader.boundaryAt(length)?.crc32 === this.#boundary?.crc32) return;
    throw new BackupError('damaged', `the chunk at ${this.#fileOffset} is not what was committed of it`);
  }

  /** Reads and folds line by line. Returns the error that stopped it, or null at a clean end. */
  *#foldLines(): Generator<void, BackupError | null> {
    try {
      for (;;) {
        this.#files = [];
        const line = yield* logLineSteps(this.#reader, logLimits, (file) => this.#checkFile(file));
        if (line === null) return null;
        yield* this.#takeLine(line);
      }
    } catch (error) {
      // An error of the index must not make the rest of the log look torn.
      if (error instanceof BackupError && !(error instanceof IndexError)) return error;
      throw error;
    }
  }

  *#checkFile(file: FileLiteral): Generator<void, void> {
    const hash = createHash('sha1');
    yield* this.#reader.streamSteps(file.size, (piece) => hash.update(piece));
    this.#files.push({ file, whole: hash.digest('hex') === file.guid });
    this.#scan.onProgress?.(this.#reader.readUpTo, this.#scan.fileSize);
  }

  *#takeLine(line: LogLine): Generator<void, void> {
    if (line.verb !== 'APPLY') throw new BackupError('syntax', `unknown verb ${line.verb} in the log`);
    const end = this.#reader.position;
    const before = this.#unproven.at(-1)?.end ?? this.#unprovenStart;
    this.#unproven.push({ line, files: this.#files, end });
    this.#unprovenBytes += this.#files.reduce((left, { file }) => left - file.size, end - before);
    const boundary = this.#reader.boundaryAt(end);
    if (boundary === null || line.name === 'MESSAGE') {
      if (this.#unprovenBytes > MOST_UNPROVEN_BYTES) yield* this.#foldOnTrial();
      return;
    }
    yield* this.#foldLast();
    this.#last = { lines: this.#unproven, boundary };
    this.#forgetText(end);
  }

  /** Drops the text of the unproven lines, which are now in the index or in `#last`. */
  #forgetText(end: number): void {
    this.#unproven = [];
    this.#unprovenBytes = 0;
    this.#unprovenStart = end;
  }

  *#foldLast(): Generator<void, void> {
    const last = this.#last;
    if (last === null) return;
    this.#last = null;
    yield* this.#fold(last.lines);
    this.#keepTrial();
    this.#boundary = last.boundary;
  }

  /**
   * Folds the unproven lines on trial. The last commit before them is folded for good: with this
   * much data after it, it must have been on disk.
   */
  *#foldOnTrial(): Generator<void, void> {
    yield* this.#foldLast();
    if (this.#beforeTrial === null) {
      const { index, result } = this.#scan;
      this.#beforeTrial = {
        trial: Trial.begin(index),
        lineEnd: this.#lineEnd,
        tsStart: this.#tsStart,
        tsEnd: this.#tsEnd,
        damages: result.damages.length,
        messages: result.messages,
      };
    }
    yield* this.#fold(this.#unproven);
    this.#forgetText(this.#lineEnd);
  }

  #keepTrial(): void {
    this.#beforeTrial?.trial.keep();
    this.#beforeTrial = null;
  }

  /** Removes the lines that were folded on trial from the index. */
  #takeBackTrial(): void {
    const before = this.#beforeTrial;
    if (before === null) return;
    before.trial.takeBack();
    this.#beforeTrial = null;
    this.#lineEnd = before.lineEnd;
    this.#tsStart = before.tsStart;
    this.#tsEnd = before.tsEnd;
    this.#scan.result.damages.length = before.damages;
    this.#scan.result.messages = before.messages;
  }

  *#fold(lines: readonly ReadLine[]): Generator<void, void> {
    for (const read of lines) yield* this.#foldLine(read);
  }

  /** Folds all lines that were read, even if no flush boundary follows them. */
  *#foldAll(): Generator<void, void> {
    yield* this.#foldLast();
    yield* this.#fold(this.#unproven);
    this.#keepTrial();
    this.#unproven = [];
  }

  *#foldLine({ line, files, end }: ReadLine): Generator<void, void> {
    try {
      yield* foldWholeSteps(this.#scan.index, fromLog(line), this.#chunkId);
    } catch (error) {
      // The line was accepted when it was written, but cannot be folded now. Only this line is
      // lost, not the lines after it.
      if (!isFaultOfLine(error)) throw error;
      const { result } = this.#scan;
      const where = { fileOffset: this.#fileOffset, position: end };
      result.damages.push({ ...where, reason: messageOf(error), isSenseless: true });
    }
    this.#forgetWrongFiles(files);
    this.#lineEnd = end;
    if (this.#tsStart === 0) this.#tsStart = line.time;
    this.#tsEnd = line.time;
  }

  #forgetWrongFiles(files: readonly CheckedFile[]): void {
    this.#scan.result.messages += files.length;
    for (const { file, whole } of files) {
      if (whole) continue;
      forgetBytes(this.#scan.index, file.guid);
      this.#damage('message does not match its GUID', file.guid);
    }
  }

  /** Folds the fully read messages of an incomplete MESSAGE line. */
  #foldWholeFiles(): void {
    const value = this.#files.filter(({ whole }) => whole).map(({ file }) => file);
    if (value.length === 0) return;
    fold(this.#scan.index, { time: this.#tsEnd, name: 'MESSAGE', value }, this.#chunkId);
    const last = value.at(-1) as FileLiteral;
    this.#lineEnd = Math.max(this.#lineEnd, last.position + last.size);
  }

  #damage(reason: string, guid?: string): void {
    const damage = { fileOffset: this.#fileOffset, position: this.#reader.position, reason };
    this.#scan.result.damages.push(guid === undefined ? damage : { ...damage, guid });
  }

  *#finishWhole(): Generator<void, number> {
    yield* this.#foldAll();
    const { position, fileEnd, memberSha1, crc32, points } = this.#reader;
    yield* insertPointsSteps(this.#scan.index, this.#chunkId, points);
    this.#update(position, fileEnd, crc32, memberSha1, 'whole');
    return fileEnd;
  }

  /**
   * Handles a torn end. Returns false if the end is damaged rather than torn. The caller ends the
   * member, because only the caller may write: see openIndex.ts. `acknowledgedEnd`: where the data
   * ends that another index knows.
   */
  *#finishTorn(acknowledgedEnd: number): Generator<void, boolean> {
    if (this.#last !== null && (yield* this.#isWritten(this.#last, acknowledgedEnd))) yield* this.#foldLast();
    const { fd, fileSize } = this.#scan;
    const { offset, fileOffset } =
      this.#boundary === null
        ? memberStart(this.#fileOffset)
        : { offset: this.#boundary.length, fileOffset: this.#boundary.fileEnd };
    // Lines that are folded on trial do not belong to the proven part.
    const good = { offset, fileOffset, time: this.#beforeTrial?.tsEnd ?? this.#tsEnd };
    if (yield* hasAcknowledgedBehind({ fd, fileSize, good, acknowledgedEnd })) return false;
    this.#takeBackTrial();
    yield* this.#recordTorn();
    return true;
  }

  /**
   * Reports whether a commit was on disk: none of its sectors is missing, or later data proves it.
   */
  *#isWritten({ boundary: { fileEnd } }: Commit, acknowledgedEnd: number): Generator<void, boolean> {
    const { fd, fileSize } = this.#scan;
    if (fileEnd <= acknowledgedEnd || !(yield* isZero(fd, fileEnd, fileSize))) return true;
    return !(yield* hasMissingSector(fd, this.#boundary?.fileEnd ?? this.#fileOffset, fileEnd));
  }

  *#recordTorn(): Generator<void, void> {
    const { index, result } = this.#scan;
    const chunkId = this.#chunkId;
    const fileOffset = this.#fileOffset;
    const boundary = this.#boundary;
    if (boundary === null) {
      deleteChunk(index, chunkId);
      const nothing = { length: 0, fileEnd: fileOffset, crc32: 0 };
      result.tornTail = { chunkId: null, fileOffset, boundary: nothing };
      return;
    }
    // Flush points after the boundary lie in the data that is cut off.
    const points = this.#reader.points.filter(({ offset }) => offset <= boundary.length);
    yield* insertPointsSteps(index, chunkId, points);
    this.#update(boundary.length, boundary.fileEnd, boundary.crc32, '', 'open');
    result.tornTail = { chunkId, fileOffset, boundary };
  }

  /** Finishes a damaged member of which the index knew a part. */
  *#finishDamaged(failure: BackupError, next: number): Generator<void, void> {
    yield* this.#foldAll();
    this.#damage(failure.message);
    this.#foldWholeFiles();
    yield* insertPointsSteps(this.#scan.index, this.#chunkId, this.#reader.points);
    this.#update(this.#lineEnd, next, 0, '', 'damaged');
  }

  #update(
    length: number,
    fileEnd: number,
    crc32: number,
    memberSha1: string,
    state: 'whole' | 'open' | 'damaged',
  ): void {
    const { index } = this.#scan;
    setChunkStart(index, this.#chunkId, this.#tsStart === 0 ? this.#tsEnd : this.#tsStart);
    updateChunk(index, this.#chunkId, { tsEnd: this.#tsEnd, length, fileEnd, crc32, memberSha1, state });
  }
}
