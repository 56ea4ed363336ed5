/**
 * Appends one chunk, a gzip member, to a data file.
 *
 * Once commit() returns, the bytes are on disk and inflate. Later bytes can be undone exactly up to
 * there: by rollback(), or after a kill by recover.ts with the position that the index recorded.
 * After each commit the file ends at a byte boundary of deflate.
 *
 * Calls must not overlap: await each one. After any rejection, only rollback() may be called.
 */
import { createHash, type Hash } from 'node:crypto';
import fs from 'node:fs';
import { setTimes, timesOf } from '../../fs/times.ts';
import { BackupError } from '../../errors.ts';
import { crc32Combine } from '../crc32.ts';
import { Deflater, STREAM_START, type DeflaterPosition } from './deflater.ts';
import { CHUNK_HEADER, LEAST_BLOCK_BYTES, MEMBER_HEADER, memberEnding, type FlushPoint } from '../format.ts';
import { ioError, syncData, truncate, writeAll } from '../../fs/io.ts';
import type { Spliceable } from './staging.ts';

export interface ChunkProgress {
  /** Uncompressed bytes of the chunk on disk. */
  length: number;
  /** The file's size. */
  fileEnd: number;
  /** CRC-32 of the uncompressed bytes. */
  crc32: number;
  /** The flush points added since the last commit. */
  points: readonly FlushPoint[];
  /** Hex SHA-1 of the member's bytes in the file so far, its gzip header included. */
  memberSha1: string;
}

/** Compressed bytes are held back up to this size, to be written with fewer calls. */
const WRITE_BYTES = 262_144;

/** The state that a rollback restores. */
interface Committed {
  position: DeflaterPosition;
  fileEnd: number;
  sha1: Hash;
}

export class ChunkWriter {
  readonly #fd: number;
  readonly #fileOffset: number;
  readonly #isSynced: boolean;
  readonly #deflater: Deflater;
  #committed: Committed | null = null;
  #state: 'open' | 'failed' | 'closed' = 'open';
  #sha1 = createHash('sha1');
  #points: FlushPoint[] = [];
  /** Where the next compressed byte goes. The file is written only up to #written. */
  #fileEnd: number;
  #written: number;
  #queue: Buffer[] = [];

  /**
   * Begins a chunk at `fileOffset`, which must be the file's end. Nothing counts before the first
   * commit().
   *
   * The caller keeps `fd`, which holds the file's lock. It is never closed or opened again here.
   * With `isSynced` false a commit does not wait for the disk: for a new file that nobody uses yet
   * and that is later synced as a whole.
   */
  static async open(
    fd: number,
    fileOffset: number,
    options: { level?: number; isSynced?: boolean } = {},
  ): Promise<ChunkWriter> {
    const { size } = fs.fstatSync(fd);
    if (size !== fileOffset) {
      throw new BackupError(
        'io',
        `a chunk was to begin at ${fileOffset}, but the data file has ${size} bytes`,
      );
    }
    const writer = new ChunkWriter(fd, fileOffset, options.level ?? 6, options.isSynced ?? true);
    writer.#enqueue(MEMBER_HEADER);
    await writer.write(CHUNK_HEADER);
    return writer;
  }

  private constructor(fd: number, fileOffset: number, level: number, isSynced: boolean) {
    this.#isSynced = isSynced;
    this.#fd = fd;
    this.#fileOffset = fileOffset;
    this.#fileEnd = fileOffset;
    this.#written = fileOffset;
    this.#deflater = new Deflater(level, (data, point) => this.#take(data, point));
  }

  /** Uncompressed bytes so far, which is also the next byte's offset in the chunk. */
  get length(): number {
    return this.#deflater.length;
  }

  /** A line or message starts here. */
  async mark(): Promise<void> {
    await this.#guarded(() => this.#deflater.mark());
  }

  /** Copies the bytes. A string is encoded as latin1. */
  async write(bytes: Buffer | string): Promise<void> {
    await this.#guarded(() => this.#deflater.write(bytes));
  }

  /** Appends a compressed segment unchanged. The caller still owns the segment. */
  async splice(segment: Spliceable): Promise<void> {
    if (segment.length === 0) return;
    await this.#guarded(async () => {
      await this.#deflater.flush();
      const { length, crc32, lastPoint } = this.#deflater.position;
      const last = this.#translatePoints(segment, length, lastPoint);
      for await (const data of segment.compressed()) await this.#append(data);
      this.#deflater.restart({
        length: length + segment.length,
        crc32: crc32Combine(crc32, segment.crc32, segment.length),
        lastPoint: last,
      });
    });
  }

  /** Waits until all bytes so far are on disk. */
  async commit(): Promise<ChunkProgress> {
    return this.#guarded(async () => {
      await this.#deflater.flush();
      return this.#sync();
    });
  }

  /**
   * Returns to the last commit, in the file too. Before the first commit this removes the whole
   * chunk and closes the writer.
   */
  async rollback(): Promise<void> {
    const committed = this.#committed;
    this.#state = 'failed';
    this.#queue = [];
    this.#points = [];
    this.#fileEnd = committed?.fileEnd ?? this.#fileOffset;
    this.#written = this.#fileEnd;
    this.#deflater.restart(committed?.position ?? STREAM_START);
    await truncate(this.#fd, this.#fileEnd);
    // Sync, so that after a power cut no old sector can appear among the bytes written there next.
    if (this.#isSynced) await syncData(this.#fd);
    if (committed !== null) this.#sha1 = committed.sha1.copy();
    this.#state = committed === null ? 'closed' : 'open';
  }

  /**
   * Commits and ends the gzip member. If everything was already committed, the file keeps its time:
   * the ending adds no information.
   */
  async close(): Promise<ChunkProgress> {
    return this.#guarded(async () => {
      const times = this.#isAllCommitted ? timesOf(this.#fd) : null;
      await this.#deflater.flush();
      const { crc32, length } = this.#deflater.position;
      this.#enqueue(memberEnding(crc32, length));
      await this.#writeQueue();
      if (times !== null) setTimes(this.#fd, times);
      const progress = await this.#sync();
      this.#state = 'closed';
      return progress;
    });
  }

  get #isAllCommitted(): boolean {
    return this.#committed?.position.length === this.length;
  }

  async #sync(): Promise<ChunkProgress> {
    await this.#writeQueue();
    if (this.#isSynced) await syncData(this.#fd);
    const position = this.#deflater.position;
    const points = this.#points;
    this.#points = [];
    this.#committed = { position, fileEnd: this.#fileEnd, sha1: this.#sha1.copy() };
    const memberSha1 = this.#sha1.copy().digest('hex');
    return { length: position.length, fileEnd: this.#fileEnd, crc32: position.crc32, points, memberSha1 };
  }

  /**
   * Adds a segment's points, except those too near to the last one. Returns the last point's
   * offset.
   */
  #translatePoints(segment: Spliceable, offset: number, lastPoint: number): number {
    let last = lastPoint;
    for (const point of segment.points) {
      if (offset + point.offset - last < LEAST_BLOCK_BYTES) continue;
      last = offset + point.offset;
      this.#points.push({ offset: last, fileOffset: this.#fileEnd + point.fileOffset });
    }
    return last;
  }

  async #take(data: Buffer, point: number | null): Promise<void> {
    if (point !== null) this.#points.push({ offset: point, fileOffset: this.#fileEnd });
    await this.#append(data);
  }

  async #append(data: Buffer): Promise<void> {
    this.#enqueue(data);
    if (this.#fileEnd - this.#written >= WRITE_BYTES) await this.#writeQueue();
  }

  #enqueue(data: Buffer): void {
    this.#sha1.update(data);
    this.#queue.push(data);
    this.#fileEnd += data.length;
  }

  async #writeQueue(): Promise<void> {
    const queue = this.#queue;
    this.#queue = [];
    await writeAll(this.#fd, queue, this.#written);
    this.#written = this.#fileEnd;
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#state !== 'open') {
      throw new BackupError('closed', `chunk at ${this.#fileOffset}: ${this.#state}`);
    }
    try {
      return await work();
    } catch (error) {
      this.#state = 'failed';
      throw ioError(error, `chunk at ${this.#fileOffset}`);
    }
  }
}
