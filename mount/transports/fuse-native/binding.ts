/**
 * What we use of the package fuse-native 2.2.6, which comes without typings. It is loaded on demand: without
 * libfuse2 it throws, and a mount by the kernel transport must not fail for that.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

export interface Stat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  readonly ino: number;
  readonly blocks: number;
  readonly blksize: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
}

export interface Statfs {
  readonly bsize: number;
  readonly frsize: number;
  readonly blocks: number;
  readonly files: number;
  readonly namemax: number;
}

/** A handler's first argument back is 0, a negative errno, or for `read` the bytes read. */
export interface Operations {
  getattr(path: string, done: (error: number, stat?: Stat) => void): void;
  fgetattr(path: string, handle: number, done: (error: number, stat?: Stat) => void): void;
  readdir(path: string, done: (error: number, names?: string[], stats?: Stat[]) => void): void;
  opendir?(path: string, flags: number, done: (error: number, handle?: number) => void): void;
  releasedir?(path: string, handle: number, done: (error: number) => void): void;
  readlink(path: string, done: (error: number, target?: string) => void): void;
  open(path: string, flags: number, done: (error: number, handle?: number) => void): void;
  read(
    path: string,
    handle: number,
    target: Buffer,
    sizeBytes: number,
    offset: number,
    done: (result: number) => void,
  ): void;
  release(path: string, handle: number, done: (error: number) => void): void;
  statfs(path: string, done: (error: number, statfs?: Statfs) => void): void;
  getxattr(): void;
  listxattr(): void;
}

/** Gives the binding a negative errno or a size, and the memory back that it lent. */
export type XattrSignal = (result: number, memory: ArrayBufferLike) => void;

/** Gives the binding a negative errno or 0, and attributes in its own shape. */
type StatSignal = (error: number, stat?: unknown) => void;

/** The inner methods are replaced on the object, but for `_op_getattr`: see fuseNativeMount.ts. */
export interface Fuse {
  readonly mnt: string;
  /** The native side's memory: what is behind it holds on to the event loop. */
  readonly _thread: Buffer;
  _fuseOptions: () => string;
  _op_getattr: (
    this: { readonly ops: Pick<Operations, 'getattr'> },
    signal: StatSignal,
    path: string,
  ) => void;
  _op_fgetattr: (signal: StatSignal, path: string, handle: number) => void;
  _op_getxattr: (signal: XattrSignal, path: string, name: string, target: Buffer) => void;
  _op_listxattr: (signal: XattrSignal, path: string, target: Buffer) => void;
  mount(done: (error: Error | null) => void): void;
}

export type FuseConstructor = new (
  mountpoint: string,
  operations: Operations,
  options: { timeout: false },
) => Fuse;

interface NativeBinding {
  fuse_native_unmount(mountpoint: string, thread: Buffer): void;
}

/**
 * Lets the event loop end after the mount has. The package does so only after a `fusermount` of its own, by
 * way of a shell, so its native half is called directly; despite its name that unmounts nothing.
 */
export function releaseEventLoop(fuse: Fuse): void {
  const main = createRequire(import.meta.url).resolve('fuse-native');
  const load = createRequire(main)('node-gyp-build') as (folder: string) => NativeBinding;
  load(dirname(main)).fuse_native_unmount(fuse.mnt, fuse._thread);
}

/** Throws what the dynamic linker says when libfuse2 is missing. */
export function loadFuseNative(): FuseConstructor {
  return createRequire(import.meta.url)('fuse-native') as FuseConstructor;
}
