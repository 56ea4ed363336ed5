/**
 * One user's backup, held for writing: the lock on the data file, the log's open chunk, the index.
 *
 * The one way in is append(): fold the line into an open transaction (what makes no sense is refused here, before a
 * byte is written), write it to the log with the messages that it is the first to claim, sync, commit the index.
 * When it has returned, the line and its messages are on disk. When it has thrown, the log is as it was before.
 */
import { fstatSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { LockedFile } from '../fs/lockedFile.ts';
import { BackupError, messageOf } from '../errors.ts';
import { insertChunk, insertPoints, updateChunk } from '../index/queries/chunks.ts';
import { foldSteps } from '../index/fold/fold.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';
import type { IndexFile } from '../index/store/indexFile.ts';
import { removeIndexFiles } from '../index/store/removeIndexFiles.ts';
import { lastMoment } from '../index/queries/current.ts';
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

export class Backup {
  readonly userid: string;
  readonly path: string;
  readonly index: IndexFile;
  readonly #file: LockedFile;
  readonly #options: BackupOptions;
  readonly #notice: Notice;
  #writer: ChunkWriter | null = null;
  #chunkId = 0;
  /** Time of the last line. */
  #tsEnd = 0;
  #broken = false;

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
  }

  /**
   * Locks the data file and brings log and index into step, whatever happened to them before. Throws 'locked' where
   * another holds it for longer than lockTimeoutMs.
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

  /** An earlier write failed: nothing more may be appended before log and index are in step again, which opening it sees to. */
  get isBroken(): boolean {
    return this.#broken;
  }

  /** The locked data file's descriptor: for reading messages back while it is held. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * A line that brings no message and changes nothing is not written: a master that repeats itself in every round must not
   * fill the disk.
   */
  async append(
    command: FoldLine,
    sources: readonly MessageSource[] = [],
    turn: Turn = setImmediate,
  ): Promise<void> {
    // The originals' reindex ends at a line that is older than its chunk's first: a clock that was set back stands still.
    const line = { ...command, time: Math.max(command.time, lastMoment(this.index) ?? 0) };
    if (this.#broken)
      throw new BackupError('io', `${this.path}: an earlier write failed`, { subject: this.userid });
    const writer = await this.#openWriter();
    const isNewChunk = this.#chunkId === 0;
    let isWritten = false;
    try {
      this.index.begin();
      if (isNewChunk) this.#chunkId = insertChunk(this.index, fstatSync(this.fd).size, line.time);
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
    } catch (error) {
      if (!this.#rollbackIndex() || isWritten) this.#broken = true;
      if (!isWritten) await this.#rollback(writer, isNewChunk);
      throw error;
    }
  }

  /** Ends the gzip member, so that the data file is plain gzip; the next append begins another. */
  async endChunk(): Promise<void> {
    const writer = this.#writer;
    if (writer === null) return;
    this.#writer = null;
    if (this.#broken) return;
    // Nothing more may be appended behind a member whose end is in doubt: the next open sees to it.
    this.#broken = true;
    const progress = await writer.close();
    this.index.transaction(() => this.#recordProgress(progress, this.#tsEnd, 'whole'));
    this.#broken = false;
    this.#chunkId = 0;
  }

  /** Ends the chunk and gives up the lock. What fails here is repaired at the next open. */
  async close(): Promise<void> {
    let isDamaged = false;
    try {
      await this.endChunk();
    } catch (error) {
      isDamaged = isDamagedIndex(error);
      this.#notice(`${this.userid}: the chunk could not be ended: ${messageOf(error)}`);
    } finally {
      this.#letGo(isDamaged);
    }
  }

  /** As close, with an index that turned out to be damaged: it is removed, and the next open builds it from the log. */
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
    this.#writer ??= await ChunkWriter.open(this.fd, fstatSync(this.fd).size, {
      level: this.#options.compressionLevel,
    });
    return this.#writer;
  }

  /** false: the index could not even do that. */
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

/** In step with the log; says where its timestamps are in the future. */
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

/** Lets other connections have their turn between the steps. Returns whether the line changed anything. */
async function foldInTurns(index: IndexFile, line: FoldLine, chunkId: number, turn: Turn): Promise<boolean> {
  const steps = foldSteps(index, line, chunkId);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await turn();
  }
}
