/**
 * Holds the staged bytes that do not fit in memory, in one temporary file without a name.
 *
 * The file is created when first needed, with mode 0600, and unlinked at once. A kill thus leaves
 * nothing behind, while Cyrus' own tools leave `sync./<pid>` directories. The file is truncated
 * when the last extent is freed.
 *
 * Freeing and closing are synchronous, so that no truncation can overtake a later write. The
 * descriptor is never closed during a read or write, since its number could then refer to another
 * file.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { BackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import { createExclusively } from '../../fs/open.ts';
import { ioError, readAll, readSyncInto, writeAll } from '../../fs/io.ts';

export interface Extent {
  position: number;
  size: number;
}

export class SpillFile {
  readonly #directory: string;
  #fd: number | null = null;
  #tail = 0;
  #extents = 0;
  #running = 0;
  #closed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The number of bytes that the file occupies. */
  get size(): number {
    return this.#tail;
  }

  /**
   * Writes bytes to the file. If this rejects with 'no-space' or 'io', the bytes are not stored.
   */
  async append(data: Buffer): Promise<Extent> {
    const fd = this.#open();
    const extent = { position: this.#tail, size: data.length };
    this.#tail += data.length;
    this.#extents += 1;
    try {
      await this.#whileOpen(writeAll(fd, [data], extent.position));
    } catch (error) {
      this.free(1);
      throw error;
    }
    return extent;
  }

  async read(extent: Extent, offset: number, size: number): Promise<Buffer> {
    return this.#whileOpen(readAll(this.#open(), extent.position + offset, size));
  }

  /** Copies a part of an extent into a buffer. */
  readSync(extent: Extent, offset: number, into: Buffer, at: number, size: number): void {
    const position = extent.position + offset;
    if (readSyncInto(this.#open(), into, at, size, position) < size) {
      throw new BackupError('damaged', `the staging file ends before ${position + size}`);
    }
  }

  /** Frees extents. Once none is left, the file is truncated. */
  free(extents: number): void {
    this.#extents -= extents;
    if (this.#extents > 0 || this.#fd === null || this.#closed) return;
    this.#tail = 0;
    disk.ftruncate(this.#fd, 0);
  }

  close(): void {
    this.#closed = true;
    this.#release();
  }

  #open(): number {
    if (this.#closed) throw new BackupError('closed', 'the staging file is closed');
    if (this.#fd !== null) return this.#fd;
    const name = path.join(this.#directory, `backupd-staging.${randomBytes(8).toString('hex')}`);
    try {
      this.#fd = createExclusively(name);
      disk.unlink(name);
      return this.#fd;
    } catch (error) {
      throw ioError(error, `staging in ${this.#directory}`);
    }
  }

  async #whileOpen<T>(work: Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await work;
    } finally {
      this.#running -= 1;
      if (this.#closed) this.#release();
    }
  }

  #release(): void {
    if (this.#fd === null || this.#running > 0) return;
    disk.close(this.#fd);
    this.#fd = null;
  }
}
