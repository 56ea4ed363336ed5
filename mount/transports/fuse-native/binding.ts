/**
 * What we use of the package fuse-native 2.2.6, which comes without typings. It is loaded on demand: without
 * libfuse2 it throws, and a mount by the kernel transport must not fail for that.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

export interface Statfs {
  readonly bsize: number;
  readonly frsize: number;
  readonly blocks: number;
  readonly files: number;
  readonly namemax: number;
}

/**
 * What the package is given: it announces to libfuse what is there. A handler's first argument back is 0, a negative errno, or for
 * `read` the bytes read. The empty ones have another way: fuseNativeMount.ts.
 */
export interface Operations {
  getattr(): void;
  fgetattr(): void;
  readdir(): void;
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

/** Called by the native half; `locals` is where libfuse's thread has left its arguments. */
export type NativeHandler = (locals: Buffer, operation: number, path: string, handle: number) => void;

/** The inner methods and handlers are replaced on the object: see fuseNativeMount.ts. */
export interface Fuse {
  readonly mnt: string;
  /** The native side's memory: what is behind it holds on to the event loop. */
  readonly _thread: Buffer;
  _fuseOptions: () => string;
  /** By operation. */
  readonly _handlers: NativeHandler[];
  _op_getxattr: (signal: XattrSignal, path: string, name: string, target: Buffer) => void;
  _op_listxattr: (signal: XattrSignal, path: string, target: Buffer) => void;
  mount(done: (error: Error | null) => void): void;
}

export type FuseConstructor = new (
  mountpoint: string,
  operations: Operations,
  options: { timeout: false },
) => Fuse;

export interface NativeBinding {
  readonly op_getattr: number;
  readonly op_fgetattr: number;
  readonly op_readdir: number;
  /** Wakes the thread whose arguments these are, with 0 or a negative errno. */
  readonly fuse_native_signal_access: (locals: Buffer, result: number) => void;
  fuse_native_unmount(mountpoint: string, thread: Buffer): void;
}

/** The package's native half. */
export function loadNativeBinding(): NativeBinding {
  const main = createRequire(import.meta.url).resolve('fuse-native');
  const load = createRequire(main)('node-gyp-build') as (folder: string) => NativeBinding;
  return load(dirname(main));
}

/**
 * Lets the event loop end after the mount has. The package does so only after a `fusermount` of its own, by
 * way of a shell, so its native half is called directly; despite its name that unmounts nothing.
 */
export function releaseEventLoop(fuse: Fuse): void {
  loadNativeBinding().fuse_native_unmount(fuse.mnt, fuse._thread);
}

/** Its native half's structures are used as this version has them: attributeAnswers.ts. */
const VERSION = '2.2.6';

/** Throws what the dynamic linker says when libfuse2 is missing. */
export function loadFuseNative(): FuseConstructor {
  const load = createRequire(import.meta.url);
  const { version } = load('fuse-native/package.json') as { version: string };
  if (version !== VERSION) throw new Error(`version ${version} of the package, where ${VERSION} is needed`);
  return load('fuse-native') as FuseConstructor;
}
