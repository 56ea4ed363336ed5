/**
 * A file of any size that takes its name only once it is whole: it is written beside
 * (`temporary`), and renamed over the name by `commit`, synced, file and folder. After a kill or
 * on a full disk the name leads to what it led to before. What a killed run left is removed by
 * the next one; a run that is still writing there is not disturbed.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { asBackupError, BackupError } from '../errors.ts';
import { copyBytes } from './copyBytes.ts';
import { syncFolder } from './folders.ts';
import { syncAll, writeAll } from './io.ts';
import { giveOwner } from './keepOwner.ts';
import { createExclusively } from './open.ts';
import { tryLock } from './posixLock.ts';

/** Written together. */
const GATHER_BYTES = 1 << 20;

export interface ReplacementOptions {
  /** In the same folder. */
  readonly temporary: string;
  /**
   * The file whose mode and, as root, owner the new one gets; else 0600 and those of its folder.
   */
  readonly like?: Stats | undefined;
}

export class ReplacementFile {
  readonly #path: string;
  readonly #temporary: string;
  readonly #fd: number;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #writtenBytes = 0;
  #isOpen = true;

  /** Throws 'locked' where another process writes there, else what asBackupError makes of it. */
  constructor(path: string, { temporary, like }: ReplacementOptions) {
    this.#path = path;
    this.#temporary = temporary;
    try {
      removeAbandoned(temporary);
      this.#fd = createExclusively(temporary);
      tryLock(this.#fd, 'write');
      giveOwner(this.#fd, like ?? lstatSync(dirname(path)));
      if (like !== undefined) fchmodSync(this.#fd, like.mode & 0o777);
    } catch (error) {
      throw asBackupError(error, `cannot write ${path}`);
    }
  }

  /** Adds the first bytes of another file. */
  async copyFrom(fd: number, sizeBytes: number): Promise<void> {
    await this.#flush();
    try {
      await copyBytes(fd, this.#fd, 0, sizeBytes, { at: this.#writtenBytes });
    } catch (error) {
      throw asBackupError(error, `cannot write ${this.#path}`);
    }
    this.#writtenBytes += sizeBytes;
  }

  /** The buffer must not change afterwards. */
  async write(bytes: Buffer): Promise<void> {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.#flush();
  }

  /**
   * Puts it in place of what has the name. Throws as write does; then abandon is still to be
   * called.
   */
  async commit(): Promise<void> {
    await this.#flush();
    try {
      await syncAll(this.#fd);
      const [ours, named] = [fstatSync(this.#fd), lstatSync(this.#temporary, { throwIfNoEntry: false })];
      if (named === undefined || named.ino !== ours.ino || named.dev !== ours.dev) {
        throw new BackupError('locked', `${this.#temporary} was replaced by another process: run it again`);
      }
      renameSync(this.#temporary, this.#path);
      this.#close();
      syncFolder(dirname(this.#path));
    } catch (error) {
      throw asBackupError(error, `cannot write ${this.#path}`);
    }
  }

  /** Removes what was written, unless it was committed. */
  abandon(): void {
    if (!this.#isOpen) return;
    const ours = fstatSync(this.#fd);
    const named = lstatSync(this.#temporary, { throwIfNoEntry: false });
    if (named?.ino === ours.ino && named.dev === ours.dev) rmSync(this.#temporary, { force: true });
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
    closeSync(this.#fd);
  }
}

/** Removes a file that a killed process left. Throws 'locked' where its process lives. */
function removeAbandoned(temporary: string): void {
  const there = lstatSync(temporary, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (there.isFile()) {
    const fd = openSync(temporary, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!tryLock(fd, 'write')) {
        throw new BackupError('locked', `${temporary} is being written by another process`);
      }
    } finally {
      closeSync(fd);
    }
  }
  rmSync(temporary, { force: true });
}
