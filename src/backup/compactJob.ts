/** What the parts of a compaction know of one another: what is to be done, with what, and the steps that it goes through. */
import type { AcquireOptions, LockedFile, SharedRead } from '../fs/lockedFile.ts';
import type { LockWait } from '../fs/posixLock.ts';
import { BackupError } from '../errors.ts';
import type { IndexFile } from '../index/indexFile.ts';
import type { CompactionPlan } from './compactPlan.ts';
import type { ChunkSizes } from './compactWriter.ts';
import { faultPoint } from './faultPoint.ts';
import type { Notice } from './options.ts';

/** In order; the tests kill it behind each. */
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
  /** Nothing is needed that went before this, in unix seconds; negative: all is kept. */
  readonly horizon: number;
  /** No line of the new file is of a later time, in unix seconds: those that were get this one. For `ctl_backups retime`. */
  readonly latestTime?: number;
  /** Whether it may empty the backup, or drop nearly all of it. */
  readonly mayDropMost: boolean;
  readonly sizes: ChunkSizes;
  /** How many chunks must plainly need it. */
  readonly workThreshold: number;
  readonly isForced: boolean;
  /** The old files stay, under names that end in the time. */
  readonly keepsPrevious: boolean;
  readonly compressionLevel: number;
  readonly lock: AcquireOptions;
  /** For the end, when the new file takes the name: by then there is work to lose. */
  readonly swapWait: LockWait;
  /** Repairs on the way. */
  readonly notice: Notice;
  /** Which chunks are kept, split and combined, in the originals' words. */
  readonly detail: Notice;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** The backup as it was when the work began. */
export interface Snapshot {
  readonly data: SharedRead;
  readonly index: IndexFile;
  readonly inode: bigint;
}

/** What there is to do, once it is known. */
export interface Job {
  readonly work: Compaction;
  readonly snapshot: Snapshot;
  /** The new file, under its lock. */
  readonly target: LockedFile;
  /** See effectiveHorizon() in compactPlan.ts. */
  readonly horizon: number;
  readonly plan: CompactionPlan;
}

/** Later than any time there is, as SQLite and dlists hold it. */
export const NO_LATEST_TIME = Number.MAX_SAFE_INTEGER;

/** The new file would not hold what the old index says: nothing was changed. */
export class NotTheSame extends BackupError {
  constructor(path: string, faults: readonly string[]) {
    const shown = faults.slice(0, 3).join('; ');
    super('damaged', `compacted it would not be the same, so it is left as it was: ${shown}`, {
      subject: path,
    });
  }
}
