/**
 * The system calls that this project makes on files, as one interface. The real disk
 * (realDisk.ts) is one implementation. The simulated disk of test/simulation is another, which can
 * run full, fail and lose power.
 *
 * The interface has primitives only. A caller outside src/fs prefers the helpers beside this
 * folder: they loop over short writes, refuse links, and sync what a power cut would take.
 *
 * Methods throw system errors unchanged, with a `code` like ENOENT. Locks and setTimes throw a
 * BackupError 'io'. Methods with a name that ends in `Async` run in a thread pool, and all others
 * block.
 */

/** The kind of a file. Node's Stats and Dirent have this shape. */
interface FileKind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isSocket(): boolean;
  isFIFO(): boolean;
}

/** What stat(2) says. Sizes are bytes, times are milliseconds. */
export interface FileStats extends FileKind {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** Like FileStats, but exact: inode numbers beyond 2^53, and times in nanoseconds. */
export interface ExactFileStats extends FileKind {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly size: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
}

export interface FolderEntry extends FileKind {
  readonly name: string;
}

/** What statfs(2) says: a block size in bytes, and counts of blocks and of inodes. */
export interface FileSystemStats {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

export interface FileTimes {
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
}

export type LockType = 'read' | 'write';

/** The owner of a lock: see posixLock.ts. */
export type LockOwner = 'process' | 'descriptor';

type Bytes = NodeJS.ArrayBufferView;

/** Descriptors. `position` is an offset in the file; null means the descriptor's own position. */
interface Descriptors {
  /** `flags` are those of openFlags.ts. */
  open(path: string, flags: number, mode?: number): number;
  close(fd: number): void;
  /** Returns the number of bytes read, which may be smaller than `length`; 0 at the end. */
  read(fd: number, into: Bytes, offset: number, length: number, position: number | null): number;
  readAsync(fd: number, into: Bytes, offset: number, length: number, position: number): Promise<number>;
  /** Returns the number of bytes written, which may be smaller than `length`. */
  write(fd: number, bytes: Bytes, offset: number, length: number, position: number | null): number;
  writev(fd: number, buffers: readonly Bytes[], position: number): number;
  writevAsync(fd: number, buffers: readonly Bytes[], position: number): Promise<number>;
  ftruncate(fd: number, length: number): void;
  ftruncateAsync(fd: number, length: number): Promise<void>;
  fsync(fd: number): void;
  fsyncAsync(fd: number): Promise<void>;
  fdatasync(fd: number): void;
  fdatasyncAsync(fd: number): Promise<void>;
  fstat(fd: number): FileStats;
  exactFstat(fd: number): ExactFileStats;
  fchmod(fd: number, mode: number): void;
  fchown(fd: number, uid: number, gid: number): void;
  getTimes(fd: number): FileTimes;
  setTimes(fd: number, times: FileTimes): void;
}

/** Locks on whole files. posixLock.ts says what a lock is worth, and how to wait for one. */
interface Locks {
  /** Takes the lock, or returns false if another owner has it. */
  tryLock(fd: number, type: LockType, owner: LockOwner): boolean;
  unlock(fd: number, owner: LockOwner): void;
  /**
   * Returns the process that blocks a write lock; null if there is none, or if the lock belongs to
   * a descriptor.
   */
  lockHolder(fd: number): number | null;
}

/** Names. A changed name is durable once fsync was called on a descriptor of its folder. */
interface Names {
  /** Follows links. undefined: nothing has this name. */
  stat(path: string): FileStats | undefined;
  exactStat(path: string): ExactFileStats | undefined;
  /** Like stat, but does not follow a link in the last part of the path. */
  lstat(path: string): FileStats | undefined;
  exactLstat(path: string): ExactFileStats | undefined;
  /** Reports whether stat would find something. Never throws. */
  exists(path: string): boolean;
  /** Throws unless the account that started the process may do what `mode` says. */
  access(path: string, mode: number): void;
  /** Returns the path without links. */
  realpath(path: string): string;
  statfs(path: string): FileSystemStats;
  readdir(path: string): string[];
  /** Like readdir, with the kind of each entry. Links are not followed. */
  entries(path: string): FolderEntry[];
  /** Returns the content of a file, or the rest of what a descriptor reads. */
  readFile(file: string | number): Buffer;
  rename(from: string, to: string): void;
  link(existing: string, path: string): void;
  unlink(path: string): void;
  rmdir(path: string): void;
  /** Creates a folder and its missing parents. Returns the first that was made, if any. */
  mkdirs(path: string, mode: number): string | undefined;
  /** Creates a folder whose name begins with `prefix` and ends at random. Returns its name. */
  mkdtemp(prefix: string): string;
}

export interface Disk extends Descriptors, Locks, Names {}
