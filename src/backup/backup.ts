/**
 * One user's backup, open for writing. It holds the lock on the data file, the log's open chunk,
 * and the index.
 *
 * All writes go through append():
 *
 * 1. It folds the line into an open transaction of the index. An invalid line is refused here,
 *    before a byte is written.
 * 2. It writes the line to the log, together with the messages that the line is the first to claim.
 * 3. It syncs the log, then commits the index.
 *
 * When append() has returned, the line and its messages are on disk. When append() has thrown, the
 * log is unchanged.
 */
import { setImmediate } from 'node:timers/promises';
import { disk } from '../fs/disk/current.ts';
import { LockedFile } from '../fs/lockedFile.ts';
import { BackupError, messageOf } from '../errors.ts';
import { leaveCheckpoints } from '../index/checkpoint/checkpointer.ts';
import { insertChunk, updateChunk } from '../index/queries/chunks.ts';
import { insertPoints } from '../index/queries/points.ts';
import { lastTimestamp } from '../index/queries/timestamps.ts';
import { foldSteps } from '../index/fold/fold.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';
import type { IndexFile } from '../index/store/indexFile.ts';
import { removeIndexFiles } from '../index/store/removeIndexFiles.ts';
import type { FoldLine } from '../index/types.ts';
import { ChunkWriter } from '../log/write/chunkWriter.ts';
import type { ChunkProgress } from '../log/write/chunkWriter.ts';
import { futureNoteOf } from './clock.ts';
import { toLog } from './lines/envelope.ts';
import { planMessages } from './lines/messageSource.ts';
import type { MessageSource } from './lines/messageSource.ts';
import { openIndexForWriting, rebuildIndex } from './openIndex.ts';
import type { BackupOptions, Notice, Turn } from './options.ts';
import { writeLine } from './lines/writeLine.ts';

/** A checkpoint follows this many statements: some 16 MiB of write-ahead log at most. */
const WRITES_A_CHECKPOINT = 2048;
/**
 * Closing an index makes the last checkpoint. After fewer statements than this, that is sooner done
 * than asked for elsewhere.
 */
const WRITES_BEFORE_CLOSE = 256;

export class Backup {
  readonly userid: string;
  readonly path: string;
  readonly index: IndexFile;
  readonly #file: LockedFile;
  readonly #options: BackupOptions;
  readonly #notice: Notice;
  #writer: ChunkWriter | null = null;
  #chunkId = 0;
  /** The timestamp of the last line. */
  #tsEnd = 0;
  #broken = false;
  /** The index's `writes` at the last checkpoint. */
  #checkpointedAt = 0;

  private constructor(
    userid: string,
    file: LockedFile,
    index: IndexFile,
    options: BackupOptions,
    notice: Notice,
  ) {
    this.userid = userid;
    this.path = file.path;
    this.#file = file;
    this.index = index;
    this.#options = options;
    this.#notice = notice;
    if (options.checkpoint !== undefined) leaveCheckpoints(index);
  }

  /**
   * Locks the data file and brings log and index into step, even if either was damaged or cut off.
   * Throws 'locked' if another process holds the lock for longer than lockTimeoutMs.
   */
  static async open(userid: string, path: string, options: BackupOptions, notice: Notice): Promise<Backup> {
    const file = await LockedFile.acquire(path, { wait: { timeoutMs: options.lockTimeoutMs } });
    try {
      const index = await openedIndex(file, (message) => notice(`${userid}: ${message}`));
      return new Backup(userid, file, index, options, notice);
    } catch (error) {
      file.release();
      throw error;
    }
  }

  /**
   * True if an earlier write failed. Nothing more may be appended until the backup is opened again.
   * That brings log and index back into step.
   */
  get isBroken(): boolean {
    return this.#broken;
  }

  /** The locked data file's descriptor, for reading messages back while the lock is held. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Appends a line and the messages that the line is the first to claim. A line that changes
   * nothing and claims no new message is not written. Otherwise a master that repeats itself in
   * every round would fill the disk.
   */
  async append(
    command: FoldLine,
    sources: readonly MessageSource[] = [],
    turn: Turn = setImmediate,
  ): Promise<void> {
    // The original `reindex` stops at a line that is older than its chunk's first line. If the
    // clock was set back, new lines therefore get the time of the last line.
    const line = { ...command, time: Math.max(command.time, lastTimestamp(this.index) ?? 0) };
    if (this.#broken)
      throw new BackupError('io', `${this.path}: an earlier write failed`, { subject: this.userid });
    const writer = await this.#openWriter();
    const isNewChunk = this.#chunkId === 0;
    let isWritten = false;
    try {
      this.index.begin();
      if (isNewChunk) this.#chunkId = insertChunk(this.index, disk.fstat(this.fd).size, line.time);
      const messages = planMessages(sources, writer.length, line.time);
      for (const folded of messages.lines) await foldInTurns(this.index, folded, this.#chunkId, turn);
      const isChanged = await foldInTurns(this.index, line, this.#chunkId, turn);
      if (!isChanged && messages.lines.length === 0) {
        this.index.rollback();
        if (isNewChunk) await this.#rollback(writer, isNewChunk);
        return;
      }
      await messages.write(writer);
      await writer.mark();
      const logged = toLog(line);
      await writeLine(writer, logged);
      const progress = await writer.commit();
      isWritten = true;
      this.#recordProgress(progress, line.time, 'open');
      this.index.commit();
      await this.#checkpoint(WRITES_A_CHECKPOINT);
    } catch (error) {
      if (!this.#rollbackIndex() || isWritten) this.#broken = true;
      if (!isWritten) await this.#rollback(writer, isNewChunk);
      throw this.#named(error);
    }
  }

  /** Names user and file in an error of the disk, whose text knows only the chunk. */
  #named(error: unknown): unknown {
    if (!(error instanceof BackupError) || (error.kind !== 'no-space' && error.kind !== 'io')) return error;
    const cure = error.kind === 'no-space' ? ': make room, the master tries again' : '';
    return new BackupError(error.kind, `${this.userid}: ${this.path}: ${error.message}${cure}`, {
      cause: error,
      subject: this.userid,
    });
  }

  /**
   * Ends the gzip member, so that the data file is plain gzip. The next append begins a new member.
   */
  async endChunk(): Promise<void> {
    const writer = this.#writer;
    if (writer === null) return;
    this.#writer = null;
    if (this.#broken) return;
    // Until the member's end is known to be written, nothing more may be appended. If the write
    // fails, the next open repairs the end.
    this.#broken = true;
    const progress = await writer.close();
    this.index.transaction(() => this.#recordProgress(progress, this.#tsEnd, 'whole'));
    this.#broken = false;
    this.#chunkId = 0;
  }

  /** Ends the chunk and releases the lock. If ending the chunk fails, the next open repairs it. */
  async close(): Promise<void> {
    let isDamaged = false;
    try {
      await this.endChunk();
      await this.#checkpoint(WRITES_BEFORE_CLOSE);
    } catch (error) {
      isDamaged = isDamagedIndex(error);
      this.#notice(`${this.userid}: the chunk could not be ended: ${messageOf(error)}`);
    } finally {
      this.#letGo(isDamaged);
    }
  }

  /**
   * Like close(), for an index that turned out to be damaged. Removes the index; the next open
   * builds a new one from the log.
   */
  async closeWithoutIndex(fault: string): Promise<void> {
    this.#notice(`${this.userid}: ${fault}; it is removed`);
    const writer = this.#writer;
    this.#writer = null;
    try {
      if (!this.#broken) await writer?.close();
    } catch (error) {
      this.#notice(`${this.userid}: the chunk could not be ended: ${messageOf(error)}`);
    } finally {
      this.#broken = true;
      this.#letGo(true);
    }
  }

  /** Checkpoints the index in another thread, if it was written to at least this many times. */
  async #checkpoint(leastWrites: number): Promise<void> {
    const { checkpoint } = this.#options;
    if (checkpoint === undefined || this.index.writes - this.#checkpointedAt < leastWrites) return;
    this.#checkpointedAt = this.index.writes;
    await checkpoint(this.index.path);
  }

  #letGo(withoutIndex: boolean): void {
    this.index.close();
    try {
      if (withoutIndex) removeIndexFiles(this.index.path);
    } catch (error) {
      this.#notice(`${this.userid}: the index could not be removed: ${messageOf(error)}`);
    } finally {
      this.#file.release();
    }
  }

  async #openWriter(): Promise<ChunkWriter> {
    this.#writer ??= await ChunkWriter.open(this.fd, disk.fstat(this.fd).size, {
      level: this.#options.compressionLevel,
    });
    return this.#writer;
  }

  /** Rolls the index back. Returns false if that fails. */
  #rollbackIndex(): boolean {
    try {
      this.index.rollback();
      return true;
    } catch (error) {
      this.#notice(`${this.userid}: ${messageOf(error)}`);
      return false;
    }
  }

  async #rollback(writer: ChunkWriter, isNewChunk: boolean): Promise<void> {
    try {
      await writer.rollback();
    } catch (error) {
      this.#broken = true;
      this.#notice(`${this.userid}: ${this.path} could not be taken back: ${messageOf(error)}`);
    }
    if (!isNewChunk) return;
    this.#writer = null;
    this.#chunkId = 0;
  }

  #recordProgress(progress: ChunkProgress, time: number, state: 'open' | 'whole'): void {
    this.#tsEnd = time;
    insertPoints(this.index, this.#chunkId, progress.points);
    updateChunk(this.index, this.#chunkId, { ...progress, tsEnd: time, state });
  }
}

/**
 * Opens the index, brings it into step with the log, and reports timestamps that lie in the future.
 */
async function openedIndex(file: LockedFile, notice: Notice): Promise<IndexFile> {
  const index = await openIndexForWriting(file, notice);
  try {
    const note = futureNoteOf(index);
    if (note !== null) notice(note);
    return index;
  } catch (error) {
    index.close();
    if (!isDamagedIndex(error)) throw error;
    notice(`${error.message}, building it from the log`);
    return (await rebuildIndex(file, notice)).index;
  }
}

/**
 * Folds a line and lets other sessions run between the steps. Returns whether the line changed
 * anything.
 */
async function foldInTurns(index: IndexFile, line: FoldLine, chunkId: number, turn: Turn): Promise<boolean> {
  const steps = foldSteps(index, line, chunkId);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await turn();
  }
}
