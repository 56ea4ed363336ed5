/**
 * Appends one chunk, a gzip member, to a data file.
 *
 * Once commit() returns, the bytes are on disk and can be inflated. Everything written after a
 * commit can be undone exactly. rollback() does this; after a kill, recover.ts does it with the
 * position that the index recorded. After each commit the file ends at a byte boundary of deflate.
 *
 * Calls must not overlap: await each one. After any rejection, only rollback() may be called.
 */
import { createHash, type Hash } from 'node:crypto';
import { disk } from '../../fs/disk/current.ts';
import { BackupError } from '../../errors.ts';
import { crc32Combine } from '../crc32.ts';
import { Deflater, STREAM_START, type DeflaterPosition } from './deflater.ts';
import { CHUNK_HEADER, LEAST_BLOCK_BYTES, MEMBER_HEADER, memberEnding, type FlushPoint } from '../format.ts';
import { ioError, syncData, truncate, writeAll } from '../../fs/io.ts';
import type { Spliceable } from './staging.ts';

export interface ChunkProgress {
  /** The number of the chunk's uncompressed bytes that are on disk. */
  length: number;
  /** The data file's size. */
  fileEnd: number;
  /** CRC-32 of the chunk's uncompressed bytes. */
  crc32: number;
  /** The flush points added since the last commit. */
  points: readonly FlushPoint[];
  /** Hex SHA-1 of the member's bytes in the file so far, including its gzip header. */
  memberSha1: string;
}

/** Compressed bytes are buffered up to this size, to save write calls. */
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
  /**
   * The file offset of the next compressed byte. Bytes from #written up to here are still buffered.
   */
  #fileEnd: number;
  #written: number;
  #queue: Buffer[] = [];

  /**
   * Begins a chunk at `fileOffset`, which must be the file's end. Nothing is permanent before the
   * first commit().
   *
   * The caller keeps `fd`, which holds the lock on the file. The writer never closes or reopens
   * the file. If `isSynced` is false, a commit does not wait for the disk. Use this for a new file
   * that nobody uses yet and that is later synced as a whole.
   */
  static async open(
    fd: number,
    fileOffset: number,
    options: { level?: number; isSynced?: boolean } = {},
  ): Promise<ChunkWriter> {
    const { size } = disk.fstat(fd);
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

  /** The number of uncompressed bytes so far, which is also the next byte's offset in the chunk. */
  get length(): number {
    return this.#deflater.length;
  }

  /** Tells the writer that a line or message starts here. */
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

  /** Waits until all bytes written so far are on disk. */
  async commit(): Promise<ChunkProgress> {
    return this.#guarded(async () => {
      await this.#deflater.flush();
      return this.#sync();
    });
  }

  /**
   * Undoes everything since the last commit, in the file too. Before the first commit, this removes
   * the whole chunk and closes the writer.
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
    // Sync the file, so that after a power cut no old sector can appear among the bytes written
    // next.
    if (this.#isSynced) await syncData(this.#fd);
    if (committed !== null) this.#sha1 = committed.sha1.copy();
    this.#state = committed === null ? 'closed' : 'open';
  }

  /**
   * Commits and ends the gzip member. If everything was already committed, the file's modification
   * time stays the same, because the ending adds no information.
   */
  async close(): Promise<ChunkProgress> {
    return this.#guarded(async () => {
      const times = this.#isAllCommitted ? disk.getTimes(this.#fd) : null;
      await this.#deflater.flush();
      const { crc32, length } = this.#deflater.position;
      this.#enqueue(memberEnding(crc32, length));
      await this.#writeQueue();
      if (times !== null) disk.setTimes(this.#fd, times);
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
   * Adds a segment's flush points, except those too near to the previous one. Returns the last
   * point's offset.
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
