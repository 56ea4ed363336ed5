/**
 * The file of a twoskip database: the descriptor, its lock, and reads through a small block cache.
 * It does not interpret the bytes.
 *
 * Cyrus maps the file into memory, which Node cannot do. So this module caches blocks, and drops
 * them when the header shows that another process has written. Blocks are never changed in place: a
 * buffer that was read stays valid.
 */
import { dirname } from 'node:path';
import { BackupError, asBackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import type { LockOwner, LockType } from '../../fs/disk/disk.ts';
import { makeFolders, syncFolder } from '../../fs/folders.ts';
import { writeAllSync } from '../../fs/io.ts';
import { giveOwner } from '../../fs/keepOwner.ts';
import { lstatExisting } from '../../fs/names.ts';
import { createExclusively, openRegular } from '../../fs/open.ts';
import { lockHolder, lockSync, unlock } from '../../fs/posixLock.ts';
import { HEADER_SIZE, damaged } from './format.ts';

const BLOCK_SIZE = 16384;
const MAX_CACHED_BLOCKS = 512;
/** Every holder keeps the lock for one operation, at most for one rewrite of the whole file. */
const LOCK_TIMEOUT_MS = 30_000;

export interface OpenOptions {
  create?: boolean;
  readOnly?: boolean;
}

export class TwoskipFile {
  readonly path: string;
  readonly readOnly: boolean;
  size = 0;
  /** If set, the next sync also syncs the file's name. */
  isNameInDoubt = false;
  /** A read-only user may be one of several threads, so its lock belongs to the descriptor. */
  readonly #lockOwner: LockOwner;
  #fd: number;
  #blocks = new Map<number, Buffer>();
  #headerBytes = Buffer.alloc(0);

  private constructor(path: string, fd: number, readOnly: boolean) {
    this.path = path;
    this.#fd = fd;
    this.readOnly = readOnly;
    this.#lockOwner = readOnly ? 'descriptor' : 'process';
  }

  static open(path: string, options: OpenOptions = {}): TwoskipFile {
    const readOnly = options.readOnly ?? false;
    try {
      if (options.create === true) makeFolders(dirname(path));
      return new TwoskipFile(path, openFile(path, readOnly, options.create ?? false), readOnly);
    } catch (error) {
      throw asBackupError(error, `cannot open ${path}`);
    }
  }

  close(): void {
    disk.close(this.#fd);
  }

  /** Locks the file that the name leads to now, and reads its size and header again. */
  lock(type: LockType): void {
    for (;;) {
      if (!lockSync(this.#fd, type, LOCK_TIMEOUT_MS, this.#lockOwner)) throw this.#lockedByOther();
      if (this.#isCurrent()) break;
      this.reopen();
    }
    try {
      this.#refresh(type);
    } catch (error) {
      this.unlock();
      throw asBackupError(error, `cannot read ${this.path}`);
    }
  }

  unlock(): void {
    unlock(this.#fd, this.#lockOwner);
  }

  /** Opens the file that was renamed over this one. Drops the lock. */
  reopen(): void {
    let fd: number;
    try {
      fd = openFile(this.path, this.readOnly, false);
    } catch (error) {
      throw asBackupError(error, `cannot open ${this.path}`);
    }
    disk.close(this.#fd);
    this.#fd = fd;
    this.#blocks.clear();
    this.#headerBytes = Buffer.alloc(0);
  }

  /**
   * Returns the header that was read when the lock was taken. The result is shorter than
   * HEADER_SIZE if the file has no header yet.
   */
  headerBytes(): Buffer {
    return this.#headerBytes;
  }

  read(offset: number, length: number): Buffer {
    if (length > this.size - offset) throw damaged(this.path, `offset ${offset} is past the end`);
    const start = offset % BLOCK_SIZE;
    const first = this.#block(Math.floor(offset / BLOCK_SIZE));
    if (start + length <= first.length) return first.subarray(start, start + length);
    const result = Buffer.alloc(length);
    this.#readFully(result, offset);
    return result;
  }

  write(bytes: Buffer, offset: number): void {
    const firstBlock = Math.floor(offset / BLOCK_SIZE);
    const lastBlock = Math.floor((offset + bytes.length) / BLOCK_SIZE);
    for (let block = firstBlock; block <= lastBlock; block++) this.#blocks.delete(block);
    try {
      writeAllSync(this.#fd, bytes, offset);
    } catch (error) {
      throw asBackupError(error, `cannot write ${this.path}`);
    }
    this.size = Math.max(this.size, offset + bytes.length);
  }

  /** Syncs the file's content to disk, and its name if that is in doubt. */
  sync(): void {
    if (this.isNameInDoubt) this.syncName();
    try {
      disk.fdatasync(this.#fd);
    } catch (error) {
      throw asBackupError(error, `cannot sync ${this.path}`);
    }
  }

  /** Syncs the file's name to disk. */
  syncName(): void {
    try {
      syncFolder(dirname(this.path));
    } catch (error) {
      throw asBackupError(error, `cannot sync the folder of ${this.path}`);
    }
    this.isNameInDoubt = false;
  }

  truncate(size: number): void {
    try {
      disk.ftruncate(this.#fd, size);
    } catch (error) {
      throw asBackupError(error, `cannot write ${this.path}`);
    }
    this.size = size;
    this.#blocks.clear();
  }

  #block(index: number): Buffer {
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    if (this.#blocks.size >= MAX_CACHED_BLOCKS) this.#blocks.clear();
    const block = Buffer.alloc(Math.min(BLOCK_SIZE, this.size - index * BLOCK_SIZE));
    this.#readFully(block, index * BLOCK_SIZE);
    this.#blocks.set(index, block);
    return block;
  }

  #readFully(target: Buffer, offset: number): void {
    let done = 0;
    while (done < target.length) {
      const count = disk.read(this.#fd, target, done, target.length - done, offset + done);
      if (count === 0) throw damaged(this.path, `offset ${offset + done} is past the end`);
      done += count;
    }
  }

  #isCurrent(): boolean {
    const ours = disk.exactFstat(this.#fd);
    const named = disk.exactLstat(this.path);
    if (named === undefined) {
      this.unlock();
      throw new BackupError('not-found', `${this.path} is gone`, { subject: this.path });
    }
    return ours.ino === named.ino && ours.dev === named.dev;
  }

  /**
   * Drops cached blocks that may be outdated. Before a write, that is always the case. Before a
   * read, an unchanged header means unchanged contents.
   */
  #refresh(type: LockType): void {
    this.size = disk.fstat(this.#fd).size;
    const header = Buffer.alloc(Math.min(HEADER_SIZE, this.size));
    this.#readFully(header, 0);
    if (type === 'write' || !header.equals(this.#headerBytes)) this.#blocks.clear();
    this.#headerBytes = header;
  }

  #lockedByOther(): BackupError {
    const holder = lockHolder(this.#fd);
    const text = `${this.path} is locked by ${holder === null ? 'another process' : `process ${holder}`}`;
    return new BackupError('locked', text, { subject: this.path });
  }
}

function openFile(path: string, readOnly: boolean, create: boolean): number {
  if (readOnly) return openRegular(path, 'read');
  try {
    return openRegular(path, 'read-write');
  } catch (error) {
    if (!create || !(error instanceof BackupError && error.kind === 'not-found')) throw error;
  }
  try {
    const fd = createExclusively(path);
    giveOwner(fd, lstatExisting(dirname(path)));
    return fd;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return openRegular(path, 'read-write');
  }
}
