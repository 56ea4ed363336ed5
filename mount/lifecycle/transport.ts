/** The interface by which every transport starts and ends a mount. */
import type { TreeSource } from '../vfs/tree.ts';

/**
 * The FUSE subtype. The mount table shows it as `fuse.cyrus-backups`, which distinguishes mounts of
 * this program from others.
 */
export const SUBTYPE = 'cyrus-backups';

export interface TransportOptions {
  /** The absolute path of an existing folder. */
  readonly mountpoint: string;
  readonly tree: TreeSource;
  /** The source shown in the mount table and by df. */
  readonly source: string;
  readonly cacheBytes: number | undefined;
  readonly allowOther: boolean;
  /**
   * The number of prefetch threads, for a transport that has them; undefined: derived from the
   * number of processors.
   */
  readonly threads: number | undefined;
  /** Whether to mount over a folder that is not empty. */
  readonly nonempty: boolean;
  /**
   * Called with one line for each request that failed because of a fault in the program or the
   * store.
   */
  readonly log: (line: string) => void;
}

export interface RunningMount {
  /** Resolves when the mount and its last client are gone. Rejects if serving the mount failed. */
  readonly ended: Promise<void>;
  /**
   * Unmounts. If programs still use the mount, it disappears from the file system at once (`lazy`).
   * These programs are served until they have closed their files.
   */
  unmount(): Promise<'unmounted' | 'lazy'>;
}

/**
 * Starts a mount. Resolves when the tree is open and the mount is in place. If that fails, throws a
 * BackupError and leaves nothing mounted.
 */
export type StartTransport = (options: TransportOptions) => Promise<RunningMount>;
