/**
 * A disk in memory that can fail and lose power, for the files below one folder.
 *
 * - Contents and names are durable only once they were synced (content.ts, names.ts).
 * - A plan (faults.ts) makes calls fail, do only a part, or be the last before a power cut. After
 *   that every call fails, until crash() starts the next life with what is left.
 * - The disk has a size, beyond which writes are short and then fail.
 * - Locks belong to one process, whose locks on a file go with any of its descriptors (posixLock.ts).
 *
 * SQLite opens its files itself. They are caches: they stay on the real disk, in a real folder of
 * the same name, and the simulator loses or damages them. All other paths are the real disk's.
 */
import { resolve } from 'node:path';
import { BackupError } from '../../../src/errors.ts';
import type { Disk, FolderEntry, LockType } from '../../../src/fs/disk/disk.ts';
import { realDisk } from '../../../src/fs/disk/realDisk.ts';
import { bytesOf, halfOf } from './bytes.ts';
import { isCache } from './caches.ts';
import { systemError } from './faults.ts';
import type { FaultPlan } from './faults.ts';
import { FIRST_FD, SimulatedFiles } from './files.ts';
import type { Handle, SimulatedDiskOptions } from './files.ts';
import { exactStatsOf, statsOf, takeLock } from './inodes.ts';
import type { Inode } from './inodes.ts';

let devices = 1_000_000;
const nextDev = (): number => (devices += 1);

export class SimulatedDisk {
  readonly disk: Disk;
  readonly files: SimulatedFiles;
  readonly #options: SimulatedDiskOptions;
  /** Another one in each life, so that no file of a dead process is taken for a new one. */
  #dev = nextDev();
  #isDead = false;
  plan: FaultPlan = () => undefined;
  /** Number of calls so far. */
  calls = 0;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
    this.files = new SimulatedFiles(options);
    this.disk = { ...realDisk, ...this.#descriptors(), ...this.#locks(), ...this.#names() };
  }

  /** True once the power has failed. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** The content of a file, as programs see it; undefined if there is none. */
  contentOf(path: string): Buffer | undefined {
    const found = this.files.find(path);
    return found?.kind === 'file' ? Buffer.from(found.content.bytes) : undefined;
  }

  /** Starts the next life: with what a power cut has left, no descriptors and no locks. */
  crash(): void {
    this.files.crash();
    this.#dev = nextDev();
    this.#isDead = false;
  }

  #isMine(path: string): boolean {
    const full = resolve(path);
    const { root } = this.#options;
    return (full === root || full.startsWith(`${root}/`)) && !isCache(full);
  }

  /** Runs a call, unless the plan has it fail. `part` is what a short call does. */
  #call<T>(name: string, path: string, work: () => T, part: () => T = work): T {
    if (this.#isDead) throw systemError('EIO', name, path);
    this.calls += 1;
    const fault = this.plan({ name, path });
    if (fault === 'EIO' || fault === 'ENOSPC') throw systemError(fault, name, path);
    if (fault === 'cut before' || fault === 'cut after') {
      if (fault === 'cut after') work();
      this.#isDead = true;
      throw systemError('EIO', name, path);
    }
    return fault === 'short' || fault === 'busy' ? part() : work();
  }

  /** Runs a call on a descriptor of this disk. */
  #on<T>(fd: number, name: string, work: (handle: Handle) => T, part?: (handle: Handle) => T): T {
    if (this.#isDead) throw systemError('EIO', name);
    const handle = this.files.handle(fd, name);
    return this.#call(name, handle.path, () => work(handle), part && ((): T => part(handle)));
  }

  /** Runs a call on a path: here or, where the path is not of this disk, on the real one. */
  #at<T>(path: string, name: string, mine: () => T, real: () => T): T {
    if (this.#isDead) throw systemError('EIO', name, path);
    return this.#isMine(path) ? this.#call(name, path, mine) : real();
  }

  #sync(fd: number, name: string): void {
    const { random } = this.#options;
    const { inode } = this.files.handle(fd, name);
    const wasDead = this.#isDead;
    try {
      this.#on(fd, name, () => this.files.sync(inode));
    } catch (error) {
      if (!wasDead && !this.#isDead) inode.content.failSync(random, random() < 0.6);
      throw error;
    }
  }

  #descriptors(): Partial<Disk> {
    const { files } = this;
    const read: Disk['read'] = (fd, into, offset, length, position) => {
      if (!isMine(fd)) return realDisk.read(fd, into, offset, length, position);
      const room = bytesOf(into, offset, length);
      const take = (handle: Handle): number => files.read(handle, room, position);
      const takePart = (handle: Handle): number => files.read(handle, halfOf(room), position);
      return this.#on(fd, 'read', take, takePart);
    };
    const write: Disk['write'] = (fd, bytes, offset, length, position) => {
      if (!isMine(fd)) return realDisk.write(fd, bytes, offset, length, position);
      const content = bytesOf(bytes, offset, length);
      const put = (handle: Handle): number => files.write(handle, content, position);
      const putPart = (handle: Handle): number => files.write(handle, halfOf(content), position);
      return this.#on(fd, 'write', put, putPart);
    };
    const writev: Disk['writev'] = (fd, buffers, position) => {
      const all = Buffer.concat(buffers.map((each) => bytesOf(each)));
      return write(fd, all, 0, all.length, position);
    };
    const ftruncate: Disk['ftruncate'] = (fd, size) =>
      isMine(fd)
        ? this.#on(fd, 'ftruncate', ({ inode }) => files.truncate(inode, size))
        : realDisk.ftruncate(fd, size);
    // A cache need not survive.
    const fsync: Disk['fsync'] = (fd) => (isMine(fd) ? this.#sync(fd, 'fsync') : undefined);
    const fdatasync: Disk['fdatasync'] = (fd) => (isMine(fd) ? this.#sync(fd, 'fdatasync') : undefined);
    return {
      close: (fd) => (isMine(fd) ? files.close(fd) : realDisk.close(fd)),
      read,
      readAsync: async (...args) => read(...args),
      write,
      writev,
      writevAsync: async (...args) => writev(...args),
      ftruncate,
      ftruncateAsync: async (...args) => ftruncate(...args),
      fsync,
      fsyncAsync: async (fd) => fsync(fd),
      fdatasync,
      fdatasyncAsync: async (fd) => fdatasync(fd),
      ...this.#attributes(),
    };
  }

  #attributes(): Partial<Disk> {
    const set = (fd: number, name: string, values: Partial<Inode>): void =>
      this.#on(fd, name, ({ inode }) => void Object.assign(inode, values));
    return {
      fstat: (fd) =>
        isMine(fd) ? this.#on(fd, 'fstat', ({ inode }) => statsOf(inode, this.#dev)) : realDisk.fstat(fd),
      exactFstat: (fd) =>
        isMine(fd)
          ? this.#on(fd, 'fstat', ({ inode }) => exactStatsOf(inode, this.#dev))
          : realDisk.exactFstat(fd),
      fchmod: (fd, mode) => (isMine(fd) ? set(fd, 'fchmod', { mode }) : realDisk.fchmod(fd, mode)),
      fchown: (fd, uid, gid) =>
        isMine(fd) ? set(fd, 'fchown', { uid, gid }) : realDisk.fchown(fd, uid, gid),
      getTimes: (fd) =>
        isMine(fd)
          ? this.#on(fd, 'fstat', ({ inode: { accessedNs, modifiedNs } }) => ({ accessedNs, modifiedNs }))
          : realDisk.getTimes(fd),
      setTimes: (fd, times) => (isMine(fd) ? set(fd, 'futimens', times) : realDisk.setTimes(fd, times)),
    };
  }

  #locks(): Partial<Disk> {
    return {
      tryLock: (fd, type, owner) => {
        if (!isMine(fd)) return realDisk.tryLock(fd, type, owner);
        const key = owner === 'process' ? owner : fd;
        return this.#lock(fd, key, type);
      },
      unlock: (fd, owner) => {
        if (!isMine(fd)) realDisk.unlock(fd, owner);
        else this.files.handles.get(fd)?.inode.locks.delete(owner === 'process' ? owner : fd);
      },
      lockHolder: (fd) => (isMine(fd) ? null : realDisk.lockHolder(fd)),
    };
  }

  #lock(fd: number, owner: number | 'process', type: LockType): boolean {
    const take = ({ inode }: Handle): boolean => takeLock(inode, owner, type);
    try {
      return this.#on(fd, 'lock', take, () => false);
    } catch (cause) {
      throw new BackupError('io', 'fcntl: cannot take a lock', { cause });
    }
  }

  #names(): Partial<Disk> {
    const { files } = this;
    const stat = <T>(path: string, of: (inode: Inode, dev: number) => T, real: () => T | undefined) =>
      this.#at(
        path,
        'stat',
        () => {
          const found = files.look(path);
          return found && of(found, this.#dev);
        },
        real,
      );
    const entries = (path: string): FolderEntry[] => {
      const caches = realDisk.entries(path).filter(({ name }) => isCache(name));
      return [...files.readdir(path), ...caches].toSorted((one, other) => (one.name < other.name ? -1 : 1));
    };
    return {
      open: (path, flags, mode = 0o666) =>
        this.#at(
          path,
          'open',
          () => files.open(path, flags, mode),
          () => realDisk.open(path, flags, mode),
        ),
      stat: (path) => stat(path, statsOf, () => realDisk.stat(path)),
      exactStat: (path) => stat(path, exactStatsOf, () => realDisk.exactStat(path)),
      lstat: (path) => stat(path, statsOf, () => realDisk.lstat(path)),
      exactLstat: (path) => stat(path, exactStatsOf, () => realDisk.exactLstat(path)),
      exists: (path) => (this.#isMine(path) ? files.find(path) !== undefined : realDisk.exists(path)),
      statfs: (path) =>
        this.#at(
          path,
          'statfs',
          () => files.statfs(),
          () => realDisk.statfs(path),
        ),
      readdir: (path) =>
        this.#at(
          path,
          'readdir',
          () => entries(path).map(({ name }) => name),
          () => realDisk.readdir(path),
        ),
      entries: (path) =>
        this.#at(
          path,
          'readdir',
          () => entries(path),
          () => realDisk.entries(path),
        ),
      readFile: (file) =>
        typeof file === 'string' && this.#isMine(file) ? this.#readFile(file) : realDisk.readFile(file),
      rename: (from, to) =>
        this.#at(
          from,
          'rename',
          () => files.rename(from, to),
          () => realDisk.rename(from, to),
        ),
      link: (from, to) =>
        this.#at(
          from,
          'link',
          () => files.link(from, to),
          () => realDisk.link(from, to),
        ),
      unlink: (path) =>
        this.#at(
          path,
          'unlink',
          () => files.unlink(path),
          () => realDisk.unlink(path),
        ),
      rmdir: (path) =>
        this.#at(
          path,
          'rmdir',
          () => files.rmdir(path),
          () => realDisk.rmdir(path),
        ),
      mkdirs: (path, mode) =>
        this.#at(
          path,
          'mkdir',
          () => files.mkdirs(path, mode),
          () => realDisk.mkdirs(path, mode),
        ),
    };
  }

  #readFile(path: string): Buffer {
    return this.#call('read', path, () => {
      const found = this.contentOf(path);
      if (found === undefined) throw systemError('ENOENT', 'open', path);
      return found;
    });
  }
}

const isMine = (fd: number): boolean => fd >= FIRST_FD;
