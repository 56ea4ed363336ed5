/**
 * Types for the parts of fuse-native 2.2.6 that are used here, because the package has none. The
 * package is loaded on demand. It throws if libfuse2 is missing, and that must not affect a mount
 * by the kernel transport.
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
 * The operations passed to fuse-native, which announces them to libfuse. A handler calls its
 * callback with 0, a negative errno or, for `read`, the number of bytes read. Operations without a
 * useful handler here are replaced in fuseNativeMount.ts.
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

/**
 * Passes a negative errno or a size to the binding, and gives back the memory that the binding lent
 * to the handler.
 */
export type XattrSignal = (result: number, memory: ArrayBufferLike) => void;

/**
 * A handler called by the package's native code. `locals` holds the arguments that the libfuse
 * thread has stored.
 */
export type NativeHandler = (locals: Buffer, operation: number, path: string, handle: number) => void;

/**
 * A mount of the package. fuseNativeMount.ts replaces its internal methods and handlers on the
 * object.
 */
export interface Fuse {
  readonly mnt: string;
  /**
   * Memory used by the package's native code. While it is in use, it keeps the event loop alive.
   */
  readonly _thread: Buffer;
  _fuseOptions: () => string;
  /** The handlers, indexed by operation number. */
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
  /** Wakes the libfuse thread that stored these arguments. `result` is 0 or a negative errno. */
  readonly fuse_native_signal_access: (locals: Buffer, result: number) => void;
  fuse_native_unmount(mountpoint: string, thread: Buffer): void;
}

/** Loads the package's native code. */
export function loadNativeBinding(): NativeBinding {
  const main = createRequire(import.meta.url).resolve('fuse-native');
  const load = createRequire(main)('node-gyp-build') as (folder: string) => NativeBinding;
  return load(dirname(main));
}

/**
 * Lets the event loop end once the mount has ended. The package's own method would first run
 * `fusermount` through a shell, so the native function is called directly. Despite its name, that
 * function unmounts nothing.
 */
export function releaseEventLoop(fuse: Fuse): void {
  loadNativeBinding().fuse_native_unmount(fuse.mnt, fuse._thread);
}

/** attributeAnswers.ts depends on the native structures of this version. */
const VERSION = '2.2.6';

/** Throws the dynamic linker's message if libfuse2 is missing. */
export function loadFuseNative(): FuseConstructor {
  const load = createRequire(import.meta.url);
  const { version } = load('fuse-native/package.json') as { version: string };
  if (version !== VERSION) throw new Error(`version ${version} of the package, where ${VERSION} is needed`);
  return load('fuse-native') as FuseConstructor;
}
