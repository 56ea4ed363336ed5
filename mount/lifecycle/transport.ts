/** What starting and ending a mount looks like, whichever way the kernel is spoken to. */
import type { TreeSource } from '../vfs/tree.ts';

/** Stands as `fuse.cyrus-backups` in the mount table, and so tells our mounts from others'. */
export const SUBTYPE = 'cyrus-backups';

export interface TransportOptions {
  /** Absolute, and an existing folder. */
  readonly mountpoint: string;
  readonly tree: TreeSource;
  /** What the mount table and df show as the source. */
  readonly source: string;
  readonly cacheBytes: number | undefined;
  readonly allowOther: boolean;
  /** That may read ahead, for a transport that does; undefined: by the processors. */
  readonly threads: number | undefined;
  /** Mounts over a folder that has something in it. */
  readonly nonempty: boolean;
  /** One line each, about a request that failed through a fault of ours. */
  readonly log: (line: string) => void;
}

export interface RunningMount {
  /** Settles when the mount is gone and its last client with it; rejects if serving it broke down. */
  readonly ended: Promise<void>;
  /**
   * Takes the mount away. Where it is in use it leaves the name space at once and goes on serving those who
   * have it open until they are done: `lazy`.
   */
  unmount(): Promise<'unmounted' | 'lazy'>;
}

/** Resolves when the tree is open and the mount is in place; throws a BackupError otherwise, with nothing mounted. */
export type StartTransport = (options: TransportOptions) => Promise<RunningMount>;
