/**
 * A registry of open data files, one per process, keyed by device and inode.
 *
 * - LockedFile holds the exclusive lock on a data file, as the original tools do (cyrus-imapd
 *   lib/lock_fcntl.c). After locking, the descriptor and the name must still be the same inode.
 *   Otherwise a compaction has renamed another file over the name, and the attempt starts over.
 * - SharedRead is for readers in a process that also writes.
 *
 * Closing any descriptor of a file drops the process's locks on it (see posixLock.ts). All
 * descriptors of an inode are therefore closed together, when its last user has gone.
 */
import { BackupError, asBackupError } from '../errors.ts';
import { disk } from './disk/current.ts';
import type { ExactFileStats } from './disk/disk.ts';
import { openOrCreate, openRegular } from './open.ts';
import { lockHolder, pollUntil, tryLock, unlock, type LockWait } from './posixLock.ts';

interface Entry {
  key: string;
  readFd: number | null;
  writeFd: number | null;
  /**
   * Extra descriptors, opened when the name changed between lookup and open. They can only be
   * closed together with the other descriptors.
   */
  strayFds: number[];
  users: number;
  locked: boolean;
}

const registry = new Map<string, Entry>();

const keyOf = (stats: ExactFileStats): string => `${stats.dev}:${stats.ino}`;

function statOrNull(path: string): ExactFileStats | null {
  return disk.exactLstat(path) ?? null;
}

/**
 * Returns the inode's entry with the wanted descriptor in it; opens the file if necessary. The name
 * is looked up before it is opened: opening and closing a file that is already registered would
 * drop its lock.
 */
function enter(path: string, access: 'readFd' | 'writeFd', create: boolean): Entry {
  const before = statOrNull(path);
  const known = before === null ? undefined : registry.get(keyOf(before));
  if (known !== undefined && known[access] !== null) return used(known);
  const fd = create ? openOrCreate(path) : openRegular(path, access === 'readFd' ? 'read' : 'read-write');
  const key = keyOfOpen(fd, known);
  let entry = registry.get(key);
  if (entry === undefined) {
    entry = { key, readFd: null, writeFd: null, strayFds: [], users: 0, locked: false };
    registry.set(key, entry);
  }
  if (entry[access] === null) entry[access] = fd;
  else entry.strayFds.push(fd);
  return used(entry);
}

/**
 * Returns the key of a new descriptor. If the disk cannot say it, the descriptor is closed, or kept
 * with what was known of the name: closing it could drop a lock.
 */
function keyOfOpen(fd: number, known: Entry | undefined): string {
  try {
    return keyOf(disk.exactFstat(fd));
  } catch (error) {
    if (known === undefined) disk.close(fd);
    else known.strayFds.push(fd);
    throw error;
  }
}

function used(entry: Entry): Entry {
  entry.users++;
  return entry;
}

function leave(entry: Entry): void {
  entry.users--;
  if (entry.users > 0) return;
  registry.delete(entry.key);
  for (const fd of [entry.readFd, entry.writeFd, ...entry.strayFds]) if (fd !== null) disk.close(fd);
}

function opened(path: string, access: 'readFd' | 'writeFd', create: boolean): Entry {
  try {
    return enter(path, access, create);
  } catch (error) {
    throw asBackupError(error, `cannot open ${path}`);
  }
}

export interface AcquireOptions {
  /**
   * Creates the file with mode 0600 if it is missing, and replaces a link. Use it only for the
   * names of unfinished files.
   */
  create?: boolean;
  /**
   * How long to wait for the lock. By default, a lock held elsewhere throws BackupError 'locked' at
   * once.
   */
  wait?: LockWait;
}

/**
 * Holds the exclusive lock on a data file, and a descriptor that is open for reading and writing.
 */
export class LockedFile {
  readonly path: string;
  readonly fd: number;
  readonly #entry: Entry;
  #held = true;

  private constructor(path: string, entry: Entry, fd: number) {
    this.path = path;
    this.fd = fd;
    this.#entry = entry;
  }

  /**
   * Throws BackupError 'locked' (also if this process itself holds the lock), 'not-found',
   * 'permission' or 'io'.
   */
  static async acquire(path: string, options: AcquireOptions = {}): Promise<LockedFile> {
    let holder = '';
    const attempt = (): LockedFile | null => {
      const result = LockedFile.#attempt(path, options.create ?? false);
      if (result instanceof LockedFile) return result;
      holder = result;
      return null;
    };
    const file = await pollUntil(attempt, options.wait ?? { timeoutMs: 0 });
    if (file !== null) return file;
    throw new BackupError('locked', `${path} is locked by ${holder}`, { subject: path });
  }

  /** Synchronous, so that nothing else in this process runs between lookup, open and lock. */
  static #attempt(path: string, create: boolean): LockedFile | string {
    for (;;) {
      const entry = opened(path, 'writeFd', create);
      const fd = entry.writeFd as number;
      let hasLock = false;
      try {
        if (entry.locked) return 'this process';
        hasLock = tryLock(fd, 'write');
        if (!hasLock) return holderText(fd);
        entry.locked = isCurrentName(path, entry);
        if (entry.locked) return new LockedFile(path, entry, fd);
      } finally {
        if (hasLock && !entry.locked) unlock(fd);
        if (!hasLock || !entry.locked) leave(entry);
      }
    }
  }

  /**
   * Reports whether the name still leads to the locked file. It no longer does after a compaction
   * has renamed another file over the name.
   */
  isCurrent(): boolean {
    return isCurrentName(this.path, this.#entry);
  }

  /**
   * Throws 'locked' if the name leads to another file. Call this before renaming the file, because
   * a rename works by name.
   */
  requireCurrent(): void {
    if (this.isCurrent()) return;
    throw new BackupError('locked', `${this.path} was replaced by another process`, { subject: this.path });
  }

  /** Releases the lock. The descriptor must not be used afterwards. Idempotent. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#entry.locked = false;
    unlock(this.fd);
    leave(this.#entry);
  }
}

function isCurrentName(path: string, { key }: Entry): boolean {
  const named = statOrNull(path);
  return named !== null && keyOf(named) === key;
}

function holderText(fd: number): string {
  const pid = lockHolder(fd);
  return pid === null ? 'another process' : `process ${pid}`;
}

/**
 * A data file opened for reading without a lock. Opening and closing it does not affect a lock that
 * this process holds on the file.
 */
export class SharedRead {
  readonly fd: number;
  readonly #entry: Entry;
  #open = true;

  private constructor(entry: Entry, fd: number) {
    this.#entry = entry;
    this.fd = fd;
  }

  /** Use positional reads only: the descriptor is shared, and so is its file position. */
  static open(path: string): SharedRead {
    const entry = opened(path, 'readFd', false);
    return new SharedRead(entry, entry.readFd as number);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    leave(this.#entry);
  }
}

/** Returns the number of registered inodes, for tests that check for leaks. */
export function registeredFileCount(): number {
  return registry.size;
}
