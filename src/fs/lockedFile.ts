/**
 * Descriptors of data files, one registry per process, keyed by device and inode.
 *
 * LockedFile holds the exclusive lock on a data file as the originals do (cyrus-imapd lib/lock_fcntl.c): after
 * locking, the descriptor and the name must still be the same inode, else a compaction has renamed another file
 * over it and we start over. SharedRead is for readers in a process that also writes.
 *
 * Because closing any descriptor of a file drops the process's locks on it (see posixLock.ts), descriptors of
 * one inode are closed all together, when its last user has gone.
 */
import { closeSync, fstatSync, lstatSync, type BigIntStats } from 'node:fs';
import { BackupError, asBackupError } from '../errors.ts';
import { openOrCreate, openRegular } from './open.ts';
import { lockHolder, pollUntil, tryLock, unlock, type LockWait } from './posixLock.ts';

interface Entry {
  key: string;
  readFd: number | null;
  writeFd: number | null;
  /** Opened in a race and not closable before the others. */
  strayFds: number[];
  users: number;
  locked: boolean;
}

const registry = new Map<string, Entry>();

const keyOf = (stats: BigIntStats): string => `${stats.dev}:${stats.ino}`;

function statOrNull(path: string): BigIntStats | null {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

/**
 * Finds the inode's entry, or opens the file and makes one, with the wanted descriptor in it. The name is looked
 * up before it is opened: opening and closing a file that is already registered would drop its lock.
 */
function enter(path: string, access: 'readFd' | 'writeFd', create: boolean): Entry {
  const before = statOrNull(path);
  const known = before === null ? undefined : registry.get(keyOf(before));
  if (known !== undefined && known[access] !== null) return used(known);
  const fd = create ? openOrCreate(path) : openRegular(path, access === 'readFd' ? 'read' : 'read-write');
  const key = keyOf(fstatSync(fd, { bigint: true }));
  let entry = registry.get(key);
  if (entry === undefined) {
    entry = { key, readFd: null, writeFd: null, strayFds: [], users: 0, locked: false };
    registry.set(key, entry);
  }
  if (entry[access] === null) entry[access] = fd;
  else entry.strayFds.push(fd);
  return used(entry);
}

function used(entry: Entry): Entry {
  entry.users++;
  return entry;
}

function leave(entry: Entry): void {
  entry.users--;
  if (entry.users > 0) return;
  registry.delete(entry.key);
  for (const fd of [entry.readFd, entry.writeFd, ...entry.strayFds]) if (fd !== null) closeSync(fd);
}

function opened(path: string, access: 'readFd' | 'writeFd', create: boolean): Entry {
  try {
    return enter(path, access, create);
  } catch (error) {
    throw asBackupError(error, `cannot open ${path}`);
  }
}

export interface AcquireOptions {
  /** Creates the file, mode 0600, where there is none, and in place of a link. For names of unfinished work. */
  create?: boolean;
  /** Without it, a held lock is BackupError('locked') at once. */
  wait?: LockWait;
}

/** The exclusive lock on a data file, and a descriptor of it open for reading and writing. */
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

  /** Throws BackupError 'locked' (also where this very process holds it), 'not-found', 'permission' or 'io'. */
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

  /** Synchronous, so that nothing else of this process comes between look-up, open and lock. */
  static #attempt(path: string, create: boolean): LockedFile | string {
    for (;;) {
      const entry = opened(path, 'writeFd', create);
      const fd = entry.writeFd as number;
      if (entry.locked || !tryLock(fd, 'write')) {
        const holder = entry.locked ? 'this process' : holderText(fd);
        leave(entry);
        return holder;
      }
      const named = statOrNull(path);
      if (named !== null && keyOf(named) === entry.key) {
        entry.locked = true;
        return new LockedFile(path, entry, fd);
      }
      unlock(fd);
      leave(entry);
    }
  }

  /** Whether the name still leads to the locked file, as it does until a compaction is renamed over it. */
  isCurrent(): boolean {
    const named = statOrNull(this.path);
    return named !== null && keyOf(named) === this.#entry.key;
  }

  /** Throws 'locked' where the name leads to another file: before a rename, which goes by the name. */
  requireCurrent(): void {
    if (this.isCurrent()) return;
    throw new BackupError('locked', `${this.path} was replaced by another process`, { subject: this.path });
  }

  /** Gives up the lock; the descriptor must not be used afterwards. May be called again. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#entry.locked = false;
    unlock(this.fd);
    leave(this.#entry);
  }
}

function holderText(fd: number): string {
  const pid = lockHolder(fd);
  return pid === null ? 'another process' : `process ${pid}`;
}

/** A data file opened for reading, without a lock and without harm to a lock that this process holds on it. */
export class SharedRead {
  readonly fd: number;
  readonly #entry: Entry;
  #open = true;

  private constructor(entry: Entry, fd: number) {
    this.#entry = entry;
    this.fd = fd;
  }

  /** Positional reads only: the descriptor is shared, and with it the file position. */
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

/** How many inodes are registered: for tests that look for leaks. */
export function registeredFileCount(): number {
  return registry.size;
}
