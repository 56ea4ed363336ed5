/**
 * What the parts of a compaction share: the task, the files it works on, and the steps that it goes
 * through.
 */
import type { AcquireOptions, LockedFile, SharedRead } from '../../fs/lockedFile.ts';
import type { LockWait } from '../../fs/posixLock.ts';
import { BackupError } from '../../errors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { CompactionPlan } from './plan.ts';
import type { ChunkSizes } from './writer.ts';
import { faultPoint } from '../faultPoint.ts';
import type { Notice } from '../options.ts';

/** In order; the tests kill a compaction after each. */
export const COMPACT_STEPS = [
  'begun',
  'written',
  'folded',
  'caught-up',
  'kept',
  'removed',
  'placed',
  'placed-index',
] as const;

export const step = (name: (typeof COMPACT_STEPS)[number]): void => faultPoint(`compact:${name}`);

export interface Compaction {
  readonly path: string;
  /** History before this time is not needed, in unix seconds. Negative: everything is kept. */
  readonly horizon: number;
  /**
   * The latest time of a line in the new file, in unix seconds: later times become this one. For
   * `ctl_backups retime`.
   */
  readonly latestTime?: number;
  /** Whether it may empty the backup, or drop nearly all of it. */
  readonly mayDropMost: boolean;
  readonly sizes: ChunkSizes;
  /** How many chunks must clearly need it for the compaction to run. */
  readonly workThreshold: number;
  readonly isForced: boolean;
  /** Keeps the old files, under names that end in the time. */
  readonly keepsPrevious: boolean;
  readonly compressionLevel: number;
  readonly lock: AcquireOptions;
  /**
   * How to wait for the lock at the end, when the new file takes the name. Giving up then would
   * waste the work.
   */
  readonly swapWait: LockWait;
  /** Receives notices of repairs made on the way. */
  readonly notice: Notice;
  /** Receives which chunks are kept, split and combined, in the originals' words. */
  readonly detail: Notice;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** The backup as it was when the work began. */
export interface Snapshot {
  readonly data: SharedRead;
  readonly index: IndexFile;
  readonly inode: bigint;
}

/** The work to do, once it is planned. */
export interface Job {
  readonly work: Compaction;
  readonly snapshot: Snapshot;
  /** The new file, locked. */
  readonly target: LockedFile;
  /** See effectiveHorizon() in plan.ts. */
  readonly horizon: number;
  readonly plan: CompactionPlan;
}

/** Later than any time that SQLite and dlists can hold. */
export const NO_LATEST_TIME = Number.MAX_SAFE_INTEGER;

/** The new file would not say what the old index says. Nothing was changed. */
export class NotTheSame extends BackupError {
  constructor(path: string, faults: readonly string[]) {
    const shown = faults.slice(0, 3).join('; ');
    super('damaged', `compacted it would not be the same, so it is left as it was: ${shown}`, {
      subject: path,
    });
  }
}
