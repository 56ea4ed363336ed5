/** The common interface for starting and ending a mount, for every transport. */
import type { TreeSource } from '../vfs/tree.ts';

/**
 * Appears as `fuse.cyrus-backups` in the mount table, and so distinguishes our mounts from others.
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
  /** Called with one line for each request that failed through a fault of ours. */
  readonly log: (line: string) => void;
}

export interface RunningMount {
  /** Resolves when the mount and its last client are gone. Rejects if serving it broke down. */
  readonly ended: Promise<void>;
  /**
   * Unmounts. If the mount is in use, it leaves the name space at once (`lazy`), and its users are
   * served until they have closed it.
   */
  unmount(): Promise<'unmounted' | 'lazy'>;
}

/**
 * Resolves when the tree is open and the mount is in place. Otherwise throws a BackupError and
 * leaves nothing mounted.
 */
export type StartTransport = (options: TransportOptions) => Promise<RunningMount>;
