/**
 * One member of the walk (walk.ts): reads its lines, folds them, and judges how it ends.
 */
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import type { Chunk } from '../index/types.ts';
import { fold } from '../index/fold.ts';
import { IndexError } from '../index/indexErrors.ts';
import {
  deleteChunk,
  forgetBytes,
  insertChunk,
  insertPoints,
  setChunkStart,
  stateOf,
  updateChunk,
} from '../index/chunks.ts';
import { chunkAt, lastChunk } from '../index/queries.ts';
import { FileLiteral } from '../protocol/dlist.ts';
import { readLogLine } from '../protocol/logDriver.ts';
import type { LogLine } from '../protocol/grammar.ts';
import { logLimits } from '../protocol/limits.ts';
import { MEMBER_TRAILER_BYTES } from '../log/format.ts';
import type { Boundary } from '../log/member.ts';
import { ChunkReader, findMember } from '../log/reader.ts';
import { BackupError, messageOf } from '../errors.ts';
import { fromLog } from './envelope.ts';
import type { CheckedFile } from './salvage.ts';
import type { MemberOutcome, Walk } from './walkResult.ts';

/** A line that was read, and its files: whether their bytes were right. */
interface ReadLine {
  readonly line: LogLine;
  readonly files: readonly CheckedFile[];
  /** Uncompressed offset of its end. */
  readonly end: number;
}

interface BeforeTrial {
  readonly lineEnd: number;
  readonly tsStart: number;
  readonly tsEnd: number;
  readonly damages: number;
  readonly messages: number;
}

/** So much text of lines is held until a flush boundary proves them. */
const MOST_UNPROVEN_BYTES = 4 << 20;

/**
 * Lines are folded when a flush boundary proves that they were committed, or the member's end does: a kill in the
 * middle of a large commit leaves whole MESSAGE lines that no MAILBOX follows, gigabytes perhaps, which go as a whole.
 */
export class MemberWalk {
  readonly #walk: Walk;
  readonly #reader: ChunkReader;
  readonly #fileOffset: number;
  readonly #chunkId: number;
  /** Uncompressed end of the last line that was folded. */
  #lineEnd = 0;
  #tsStart = 0;
  #tsEnd = 0;
  /** Behind the last whole line that ends at a flush boundary. */
  #boundary: Boundary | null = null;
  /** Files of the line at hand whose bytes have been read. */
  #files: CheckedFile[] = [];
  /** Lines behind the last boundary, as far as they are not folded yet, and how much text they are. */
  #unproven: ReadLine[] = [];
  #unprovenBytes = 0;
  /** What there was before lines were folded on trial, in a savepoint of the index. */
  #beforeTrial: BeforeTrial | null = null;

  constructor(walk: Walk, reader: ChunkReader, fileOffset: number, resume: Chunk | undefined) {
    this.#walk = walk;
    this.#reader = reader;
    this.#fileOffset = fileOffset;
    // A session that wrote no line leaves a chunk without a time: rather than 1970 it gets that of the one before.
    this.#tsEnd = lastChunk(walk.index)?.ts_end ?? 0;
    this.#chunkId = resume?.id ?? insertChunk(walk.index, fileOffset, 0);
    if (resume === undefined) return;
    this.#lineEnd = resume.length;
    this.#tsStart = resume.ts_start;
    this.#tsEnd = resume.ts_end;
    this.#boundary = { length: resume.length, fileEnd: resume.file_end, crc32: resume.crc32 };
  }

  run(): MemberOutcome {
    const { fd, fileSize, isEnded, known, result } = this.#walk;
    const committed = this.#lineEnd;
    const failure = this.#foldLines(committed);
    result.chunks += 1;
    if (failure === null) return { next: this.#finishWhole(), isDamaged: false };
    const before = known === null ? undefined : chunkAt(known, this.#fileOffset);
    const isKnownEnded = before !== undefined && stateOf(before) !== 'open' && before.file_end <= fileSize;
    const next = isKnownEnded
      ? before.file_end
      : (findMember(fd, this.#fileOffset + 1, fileSize) ?? fileSize);
    // Behind what was committed anything can stand after a power cut; what was committed must be there.
    if (this.#reader.position < committed) {
      throw new BackupError(
        'damaged',
        `the chunk at ${this.#fileOffset} ends before what was committed of it`,
      );
    }
    const isCut = this.#reader.state === 'torn' || committed > 0 || endsInZeros(fd, fileSize);
    if (next === fileSize && isCut && !isEnded && !isKnownEnded) this.#finishTorn();
    else if (committed > 0) this.#finishDamaged(failure, next);
    else return { next, isDamaged: true };
    return { next, isDamaged: false };
  }

  /** Folds line by line; answers what stopped it, or null at a clean end. */
  #foldLines(known: number): BackupError | null {
    try {
      this.#reader.stream(known, () => undefined);
      for (;;) {
        this.#files = [];
        const line = readLogLine(this.#reader, logLimits, (file) => this.#checkFile(file));
        if (line === null) return null;
        this.#takeLine(line);
      }
    } catch (error) {
      // What the index cannot take now is no reason to take the rest of the log for torn.
      if (error instanceof BackupError && !(error instanceof IndexError)) return error;
      throw error;
    }
  }

  #checkFile(file: FileLiteral): void {
    const hash = createHash('sha1');
    this.#reader.stream(file.size, (piece) => hash.update(piece));
    this.#files.push({ file, whole: hash.digest('hex') === file.guid });
    this.#walk.onProgress?.(this.#reader.readUpTo, this.#walk.fileSize);
  }

  #takeLine(line: LogLine): void {
    if (line.verb !== 'APPLY') throw new BackupError('syntax', `unknown verb ${line.verb} in the log`);
    const end = this.#reader.position;
    const before = this.#unproven.at(-1)?.end ?? this.#lineEnd;
    this.#unproven.push({ line, files: this.#files, end });
    this.#unprovenBytes += this.#files.reduce((left, { file }) => left - file.size, end - before);
    const boundary = this.#reader.boundaryAt(end);
    if (boundary !== null) {
      this.#boundary = boundary;
      this.#foldUnproven();
    } else if (this.#unprovenBytes > MOST_UNPROVEN_BYTES) this.#foldOnTrial();
  }

  #foldUnproven(): void {
    this.#foldRead();
    if (this.#beforeTrial === null) return;
    this.#walk.index.run('RELEASE unproven');
    this.#beforeTrial = null;
  }

  /** Parsed lines take many times the memory of what they change in the index: that can be taken back. */
  #foldOnTrial(): void {
    if (this.#beforeTrial === null) {
      const { damages, messages } = this.#walk.result;
      const times = { lineEnd: this.#lineEnd, tsStart: this.#tsStart, tsEnd: this.#tsEnd };
      this.#beforeTrial = { ...times, damages: damages.length, messages };
      this.#walk.index.run('SAVEPOINT unproven');
    }
    this.#foldRead();
  }

  #foldRead(): void {
    for (const read of this.#unproven) this.#foldLine(read);
    this.#unproven = [];
    this.#unprovenBytes = 0;
  }

  /** Nothing of the lines behind the last boundary is to stay. */
  #forgetUnproven(): void {
    this.#unproven = [];
    const before = this.#beforeTrial;
    if (before === null) return;
    const { index, result } = this.#walk;
    index.run('ROLLBACK TO unproven');
    index.run('RELEASE unproven');
    this.#beforeTrial = null;
    this.#lineEnd = before.lineEnd;
    this.#tsStart = before.tsStart;
    this.#tsEnd = before.tsEnd;
    result.damages.length = before.damages;
    result.messages = before.messages;
  }

  #foldLine({ line, files, end }: ReadLine): void {
    const { index } = this.#walk;
    try {
      index.transaction(() => fold(index, fromLog(line), this.#chunkId));
    } catch (error) {
      // A line that was accepted once and makes no sense to us: it costs itself, not what follows.
      if (!isFaultOfLine(error)) throw error;
      const { result } = this.#walk;
      const where = { fileOffset: this.#fileOffset, position: end };
      result.damages.push({ ...where, reason: messageOf(error), isSenseless: true });
    }
    this.#forgetWrongFiles(files);
    this.#lineEnd = end;
    if (this.#tsStart === 0) this.#tsStart = line.time;
    this.#tsEnd = line.time;
  }

  #forgetWrongFiles(files: readonly CheckedFile[]): void {
    this.#walk.result.messages += files.length;
    for (const { file, whole } of files) {
      if (whole) continue;
      forgetBytes(this.#walk.index, file.guid);
      this.#damage('message does not match its GUID', file.guid);
    }
  }

  /** Of a MESSAGE line that breaks off, the messages before the break are as good as any. */
  #foldWholeFiles(): void {
    const value = this.#files.filter(({ whole }) => whole).map(({ file }) => file);
    if (value.length === 0) return;
    fold(this.#walk.index, { time: this.#tsEnd, name: 'MESSAGE', value }, this.#chunkId);
    const last = value.at(-1) as FileLiteral;
    this.#lineEnd = Math.max(this.#lineEnd, last.position + last.size);
  }

  #damage(reason: string, guid?: string): void {
    const damage = { fileOffset: this.#fileOffset, position: this.#reader.position, reason };
    this.#walk.result.damages.push(guid === undefined ? damage : { ...damage, guid });
  }

  #finishWhole(): number {
    this.#foldUnproven();
    const { position, fileEnd, memberSha1, crc32, points } = this.#reader;
    insertPoints(this.#walk.index, this.#chunkId, points);
    this.#update(position, fileEnd, crc32, memberSha1, 'whole');
    return fileEnd;
  }

  /** The member is ended by the caller, who may write: see openIndex.ts. */
  #finishTorn(): void {
    const { index, result } = this.#walk;
    const chunkId = this.#chunkId;
    const fileOffset = this.#fileOffset;
    const boundary = this.#boundary;
    this.#forgetUnproven();
    if (boundary === null) {
      deleteChunk(index, chunkId);
      const nothing = { length: 0, fileEnd: fileOffset, crc32: 0 };
      result.tornTail = { chunkId: null, fileOffset, boundary: nothing };
      return;
    }
    // Those behind the boundary are in bytes that are cut off.
    const points = this.#reader.points.filter(({ offset }) => offset <= boundary.length);
    insertPoints(index, chunkId, points);
    this.#update(boundary.length, boundary.fileEnd, boundary.crc32, '', 'open');
    result.tornTail = { chunkId, fileOffset, boundary };
  }

  /** Of a member that the index knew in part. */
  #finishDamaged(failure: BackupError, next: number): void {
    this.#foldUnproven();
    this.#damage(failure.message);
    this.#foldWholeFiles();
    insertPoints(this.#walk.index, this.#chunkId, this.#reader.points);
    this.#update(this.#lineEnd, next, 0, '', 'damaged');
  }

  #update(
    length: number,
    fileEnd: number,
    crc32: number,
    memberSha1: string,
    state: 'whole' | 'open' | 'damaged',
  ): void {
    const { index } = this.#walk;
    setChunkStart(index, this.#chunkId, this.#tsStart === 0 ? this.#tsEnd : this.#tsStart);
    updateChunk(index, this.#chunkId, { tsEnd: this.#tsEnd, length, fileEnd, crc32, memberSha1, state });
  }
}

/** A full disk, or an index that turns out to be damaged, says nothing about the line. */
export function isFaultOfLine(error: unknown): error is BackupError {
  return error instanceof BackupError && (!(error instanceof IndexError) || error.isConstraint);
}

/** Blocks that a power cut kept from being written; an ended member's trailer is never all zeros. */
function endsInZeros(fd: number, fileSize: number): boolean {
  const end = Buffer.alloc(MEMBER_TRAILER_BYTES + 1);
  const have = readSync(fd, end, 0, end.length, Math.max(0, fileSize - end.length));
  return have === end.length && end.every((byte) => byte === 0);
}
