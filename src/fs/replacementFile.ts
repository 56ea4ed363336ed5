/**
 * Writes a file of any size that gets its final name only when it is complete. The content is
 * written to a temporary name beside it, and `commit` renames it over the final name and syncs file
 * and folder. After a kill or on a full disk, the name still leads to the old file.
 *
 * The next run removes the temporary file of a killed run, but not that of a run that is still
 * writing.
 */
import { dirname } from 'node:path';
import { asBackupError, BackupError } from '../errors.ts';
import { copyBytes } from './copyBytes.ts';
import { disk } from './disk/current.ts';
import type { FileStats } from './disk/disk.ts';
import { O_NOFOLLOW, O_NONBLOCK, O_RDWR } from './disk/openFlags.ts';
import { syncFolder } from './folders.ts';
import { syncAll, writeAll } from './io.ts';
import { giveOwner } from './keepOwner.ts';
import { lstatExisting, removeFile } from './names.ts';
import { createExclusively } from './open.ts';
import { tryLock } from './posixLock.ts';

/** Small writes are collected in a buffer of this size. */
const GATHER_BYTES = 1 << 20;

export interface ReplacementOptions {
  /** Path of the temporary file, in the same folder. */
  readonly temporary: string;
  /**
   * The file whose mode and, as root, owner the new file gets. Default: mode 0600 and the owner of
   * the folder.
   */
  readonly like?: FileStats | undefined;
}

export class ReplacementFile {
  readonly #path: string;
  readonly #temporary: string;
  readonly #fd: number;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #writtenBytes = 0;
  #isOpen = true;

  /**
   * Throws 'locked' if another process is writing to the temporary file. Other errors come from
   * asBackupError.
   */
  constructor(path: string, { temporary, like }: ReplacementOptions) {
    this.#path = path;
    this.#temporary = temporary;
    try {
      removeAbandoned(temporary);
      this.#fd = createExclusively(temporary);
      tryLock(this.#fd, 'write');
      giveOwner(this.#fd, like ?? lstatExisting(dirname(path)));
      if (like !== undefined) disk.fchmod(this.#fd, like.mode & 0o777);
    } catch (error) {
      throw asBackupError(error, `cannot write ${path}`);
    }
  }

  /** Appends the first `sizeBytes` bytes of another file. */
  async copyFrom(fd: number, sizeBytes: number): Promise<void> {
    await this.#flush();
    try {
      await copyBytes(fd, this.#fd, 0, sizeBytes, { at: this.#writtenBytes });
    } catch (error) {
      throw asBackupError(error, `cannot write ${this.#path}`);
    }
    this.#writtenBytes += sizeBytes;
  }

  /** Appends bytes. The caller must not change the buffer afterwards. */
  async write(bytes: Buffer): Promise<void> {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.#flush();
  }

  /**
   * Renames the finished file over the final name. Throws as write does; the caller must then call
   * abandon.
   */
  async commit(): Promise<void> {
    await this.#flush();
    try {
      await syncAll(this.#fd);
      const [ours, named] = [disk.fstat(this.#fd), disk.lstat(this.#temporary)];
      if (named === undefined || named.ino !== ours.ino || named.dev !== ours.dev) {
        throw new BackupError('locked', `${this.#temporary} was replaced by another process: run it again`);
      }
      disk.rename(this.#temporary, this.#path);
      this.#close();
      syncFolder(dirname(this.#path));
    } catch (error) {
      throw asBackupError(error, `cannot write ${this.#path}`);
    }
  }

  /** Removes what was written, unless it was committed. */
  abandon(): void {
    if (!this.#isOpen) return;
    const ours = disk.fstat(this.#fd);
    const named = disk.lstat(this.#temporary);
    if (named?.ino === ours.ino && named.dev === ours.dev) removeFile(this.#temporary);
    this.#close();
  }

  async #flush(): Promise<void> {
    const [buffers, sizeBytes] = [this.#gathered, this.#gatheredBytes];
    this.#gathered = [];
    this.#gatheredBytes = 0;
    try {
      await writeAll(this.#fd, buffers, this.#writtenBytes);
    } catch (error) {
      const { kind, message, cause } = asBackupError(error, this.#path);
      throw new BackupError(kind, `cannot write ${this.#path}: ${message}`, { cause });
    }
    this.#writtenBytes += sizeBytes;
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    disk.close(this.#fd);
  }
}

/**
 * Removes the temporary file of a killed process. Throws 'locked' if the process is still alive.
 */
function removeAbandoned(temporary: string): void {
  const there = disk.lstat(temporary);
  if (there === undefined) return;
  if (there.isFile()) {
    const fd = disk.open(temporary, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!tryLock(fd, 'write')) {
        throw new BackupError('locked', `${temporary} is being written by another process`);
      }
    } finally {
      disk.close(fd);
    }
  }
  removeFile(temporary);
}
