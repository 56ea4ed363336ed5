/**
 * The files of a simulated disk and what system calls do to them, where nothing fails. Contents and
 * names are durable only once they were synced (content.ts, names.ts).
 */
import fs from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { FileSystemStats, FolderEntry } from '../../../src/fs/disk/disk.ts';
import { O_CREAT, O_DIRECTORY, O_EXCL } from '../../../src/fs/disk/openFlags.ts';
import { systemError } from './faults.ts';
import { entryOf, makeInode } from './inodes.ts';
import type { Inode } from './inodes.ts';
import { NameTable } from './names.ts';
import type { NameOrder } from './names.ts';

const BLOCK_BYTES = 4096;
export const FIRST_FD = 1_000_000;

export interface SimulatedDiskOptions {
  /** A real folder. The folders below it are made in both places, for the files of SQLite. */
  readonly root: string;
  readonly order: NameOrder;
  readonly random: () => number;
  /** The clock, in nanoseconds. */
  readonly nowNs: () => bigint;
}

export interface Handle {
  readonly inode: Inode;
  readonly path: string;
  position: number;
}

export class SimulatedFiles {
  readonly #options: SimulatedDiskOptions;
  #inodes = new Map<number, Inode>();
  #names: NameTable;
  #handles = new Map<number, Handle>();
  #nextFd = FIRST_FD;
  #nextIno = 1000;
  /** Size of the disk. */
  capacityBytes = Infinity;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
    const root = this.#make('folder', 0o700);
    this.#names = new NameTable(new Map([[options.root, root.ino]]), options.order);
  }

  get handles(): ReadonlyMap<number, Handle> {
    return this.#handles;
  }

  /** Paths of all files. */
  paths(): string[] {
    return [...this.#names.entries()]
      .filter(([, ino]) => this.#inodes.get(ino)?.kind === 'file')
      .map(([path]) => path)
      .toSorted();
  }

  /** Leaves what a power cut leaves: synced data and names, and any of the others. */
  crash(): void {
    const { random, nowNs, order, root } = this.#options;
    const names = this.#names.crashed(random);
    const inodes = new Map<number, Inode>();
    for (const ino of names.values()) {
      const before = this.#inodes.get(ino) as Inode;
      const known = inodes.get(ino);
      if (known !== undefined) known.links += 1;
      else {
        const bytes = before.kind === 'file' ? before.content.crashed(random) : undefined;
        const after = makeInode(ino, before.kind, before.mode, before.bornNs, bytes);
        const { uid, gid, modifiedNs } = before;
        inodes.set(ino, Object.assign(after, { uid, gid, modifiedNs, changedNs: nowNs() }));
      }
    }
    for (const [path, ino] of this.#names.entries()) {
      const isLost = this.#inodes.get(ino)?.kind === 'folder' && !names.has(path) && path !== root;
      if (isLost) fs.rmSync(path, { recursive: true, force: true });
    }
    this.#inodes = inodes;
    this.#names = new NameTable(names, order);
    this.#handles = new Map();
  }

  find(path: string): Inode | undefined {
    const ino = this.#names.get(resolve(path));
    return ino === undefined ? undefined : this.#inodes.get(ino);
  }

  /** Like find, but throws ENOTDIR for a path below a file, as stat(2) does. */
  look(path: string): Inode | undefined {
    if (this.find(dirname(resolve(path)))?.kind === 'file') throw systemError('ENOTDIR', 'stat', path);
    return this.find(path);
  }

  handle(fd: number, syscall: string): Handle {
    const handle = this.#handles.get(fd);
    if (handle === undefined) throw systemError('EBADF', syscall);
    return handle;
  }

  usedBytes(): number {
    let used = 0;
    for (const { content, links, users } of this.#inodes.values())
      if (links > 0 || users > 0) used += content.size;
    return used;
  }

  freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes());
  }

  statfs(): FileSystemStats {
    const bavail = Math.floor(Math.min(1e12, this.freeBytes()) / BLOCK_BYTES);
    return { bsize: BLOCK_BYTES, blocks: 1e9, bfree: bavail, bavail, files: 1e6, ffree: 1e6 };
  }

  sync(inode: Inode): void {
    if (inode.kind === 'folder') this.#names.sync(inode.ino);
    else inode.content.sync();
  }

  truncate(inode: Inode, size: number): void {
    inode.content.change({ kind: 'truncate', size });
    this.#touch(inode);
  }

  #make(kind: Inode['kind'], mode: number): Inode {
    this.#nextIno += 1;
    const inode = makeInode(this.#nextIno, kind, mode, this.#options.nowNs());
    this.#inodes.set(inode.ino, inode);
    return inode;
  }

  open(path: string, flags: number, mode: number): number {
    const full = resolve(path);
    let inode = this.find(full);
    if (inode !== undefined && (flags & O_EXCL) !== 0) throw systemError('EEXIST', 'open', path);
    if (inode === undefined) {
      this.#parent(full, 'open');
      if ((flags & O_CREAT) === 0) throw systemError('ENOENT', 'open', path);
      inode = this.#create(full, mode);
    }
    if (inode.kind === 'file' && (flags & O_DIRECTORY) !== 0) throw systemError('ENOTDIR', 'open', path);
    this.#nextFd += 1;
    inode.users += 1;
    this.#handles.set(this.#nextFd, { inode, path: full, position: 0 });
    return this.#nextFd;
  }

  #create(path: string, mode: number): Inode {
    const folder = this.#parent(path, 'open');
    if (this.freeBytes() === 0) throw systemError('ENOSPC', 'open', path);
    const inode = this.#make('file', mode);
    this.#names.change({ path, ino: inode.ino });
    this.#touch(folder);
    return inode;
  }

  close(fd: number): void {
    const { inode } = this.handle(fd, 'close');
    this.#handles.delete(fd);
    inode.users -= 1;
    inode.locks.delete('process');
    inode.locks.delete(fd);
  }

  /** Returns the folder that a name is in, or would be. */
  #parent(path: string, syscall: string): Inode {
    const folder = this.find(dirname(resolve(path)));
    if (folder === undefined) throw systemError('ENOENT', syscall, path);
    if (folder.kind === 'file') throw systemError('ENOTDIR', syscall, path);
    return folder;
  }

  #touch(inode: Inode): void {
    inode.modifiedNs = inode.changedNs = this.#options.nowNs();
  }

  write(handle: Handle, bytes: Buffer, position: number | null): number {
    const at = position ?? handle.position;
    const { content } = handle.inode;
    const growth = Math.max(0, at + bytes.length - content.size);
    const room = this.freeBytes();
    const count = growth <= room ? bytes.length : Math.max(0, bytes.length - (growth - room));
    if (count === 0 && bytes.length > 0) throw systemError('ENOSPC', 'write', handle.path);
    content.change({ kind: 'write', at, bytes: Buffer.from(bytes.subarray(0, count)) });
    if (position === null) handle.position = at + count;
    this.#touch(handle.inode);
    return count;
  }

  read(handle: Handle, into: Buffer, position: number | null): number {
    const at = position ?? handle.position;
    const { bytes, size } = handle.inode.content;
    const count = at < size ? bytes.copy(into, 0, at, at + into.length) : 0;
    if (position === null) handle.position = at + count;
    return count;
  }

  rename(from: string, to: string): void {
    const [source, target] = [resolve(from), resolve(to)];
    const folders = [this.#parent(from, 'rename'), this.#parent(to, 'rename')];
    const inode = this.find(source);
    if (inode === undefined) throw systemError('ENOENT', 'rename', from);
    if (inode.kind === 'folder') throw systemError('EISDIR', 'rename', from);
    const replaced = this.find(target);
    if (replaced === inode) return;
    this.#names.change({ path: source, ino: undefined }, { path: target, ino: inode.ino });
    if (replaced !== undefined) replaced.links -= 1;
    for (const folder of folders) this.#touch(folder);
  }

  unlink(path: string): void {
    const inode = this.find(path);
    const folder = this.#parent(path, 'unlink');
    if (inode === undefined) throw systemError('ENOENT', 'unlink', path);
    if (inode.kind === 'folder') throw systemError('EISDIR', 'unlink', path);
    this.#names.change({ path: resolve(path), ino: undefined });
    inode.links -= 1;
    this.#touch(folder);
  }

  link(existing: string, path: string): void {
    const inode = this.look(existing);
    if (inode === undefined) throw systemError('ENOENT', 'link', existing);
    this.#parent(path, 'link');
    if (this.find(path) !== undefined) throw systemError('EEXIST', 'link', path);
    this.#names.change({ path: resolve(path), ino: inode.ino });
    inode.links += 1;
  }

  mkdirs(path: string, mode: number): string | undefined {
    const full = resolve(path);
    if (this.find(full) !== undefined) return undefined;
    const first = this.mkdirs(dirname(full), mode);
    const folder = this.#make('folder', mode);
    this.#names.change({ path: full, ino: folder.ino });
    fs.mkdirSync(full, { recursive: true });
    return first ?? full;
  }

  rmdir(path: string): void {
    if (this.readdir(path).length > 0) throw systemError('ENOTEMPTY', 'rmdir', path);
    this.#names.change({ path: resolve(path), ino: undefined });
    fs.rmdirSync(path);
  }

  readdir(path: string): FolderEntry[] {
    const full = resolve(path);
    if (this.find(full)?.kind !== 'folder') throw systemError('ENOENT', 'scandir', path);
    const mine: FolderEntry[] = [];
    for (const [name, ino] of this.#names.entries()) {
      if (dirname(name) === full && name !== full)
        mine.push(entryOf(basename(name), this.#inodes.get(ino)?.kind ?? 'file'));
    }
    return mine;
  }
}
