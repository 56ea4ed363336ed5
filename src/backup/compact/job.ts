/**
 * The types that the parts of a compaction share: its parameters, its files, and the names of its
 * steps.
 */
import type { AcquireOptions, LockedFile, SharedRead } from '../../fs/lockedFile.ts';
import type { LockWait } from '../../fs/posixLock.ts';
import { BackupError } from '../../errors.ts';
import type { RetainedSet } from '../../index/queries/retained.ts';
import type { CompactionPlan } from './plan.ts';
import type { ChunkSizes } from './writer.ts';
import { faultPoint } from '../faultPoint.ts';
import type { Notice } from '../options.ts';

/** The steps in order. The tests kill a compaction after each of them. */
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
  /** The time before which history is dropped, in unix seconds; undefined: all is kept. */
  readonly horizon: number | undefined;
  /**
   * The latest time of a line in the new file, in unix seconds. Later times are reduced to this
   * one. Used by `ctl_backups retime`.
   */
  readonly latestTime?: number;
  /** Allows the compaction to drop all or nearly all messages. */
  readonly mayDropMost: boolean;
  readonly sizes: ChunkSizes;
  /** The number of chunks that must clearly need compaction before it runs. */
  readonly workThreshold: number;
  readonly isForced: boolean;
  /** Keeps the old files, under names that end in the current time. */
  readonly keepsPrevious: boolean;
  readonly compressionLevel: number;
  readonly lock: AcquireOptions;
  /**
   * How to wait for the lock at the end, when the new file replaces the old one. Giving up then
   * would waste all the work.
   */
  readonly swapWait: LockWait;
  /** Receives notices of repairs that the compaction made first. */
  readonly notice: Notice;
  /**
   * Receives messages about the chunks that are kept, split and combined, in the original tools'
   * wording.
   */
  readonly detail: Notice;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** The backup as it was when the compaction began. */
export interface Snapshot {
  readonly data: SharedRead;
  readonly retained: RetainedSet;
  readonly inode: bigint;
}

/** The state of a planned compaction. */
export interface Job {
  readonly work: Compaction;
  readonly snapshot: Snapshot;
  /** The new file, locked. */
  readonly target: LockedFile;
  readonly plan: CompactionPlan;
}

/** A time that is later than any time that SQLite and dlists can hold. */
export const NO_LATEST_TIME = Number.MAX_SAFE_INTEGER;

/** Thrown if the new file would differ from what the old index says. Nothing was changed. */
export class NotTheSame extends BackupError {
  constructor(path: string, faults: readonly string[]) {
    const shown = faults.slice(0, 3).join('; ');
    super('damaged', `compacted it would not be the same, so it is left as it was: ${shown}`, {
      subject: path,
    });
  }
}
