/**
 * The end of a compaction: the new file takes the old one's name, with all that was appended to the
 * old one meanwhile.
 *
 * A writer waits while the old file is locked, so little must be left to do under the lock. What
 * was appended while the new file was written is copied before the lock is taken. Then comes what
 * was appended during that copy, until next to nothing is left. If more has come by the time the
 * lock is held, the lock is released and the copying repeated. On a busy machine, folding a hundred
 * lines takes a quarter of a second.
 *
 * The old index is removed first. A kill between the steps leaves a data file, old or new, without
 * an index. The next open builds one.
 */
import { fstatSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LockedFile } from '../../fs/lockedFile.ts';
import { syncFolder } from '../../fs/folders.ts';
import { BackupError } from '../../errors.ts';
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import { lastEndedChunk } from '../../index/queries/current.ts';
import { removeIndexFiles } from '../../index/store/removeIndexFiles.ts';
import { syncData } from '../../fs/io.ts';
import { mailboxTable } from './check.ts';
import { NO_LATEST_TIME, NotTheSame, step } from './job.ts';
import type { Job } from './job.ts';
import { compareTables } from '../verify/compareIndexes.ts';
import { copyBytes } from '../../fs/copyBytes.ts';
import { finishIndex, syncIndex } from '../freshIndex.ts';
import { keepOwner } from '../../fs/keepOwner.ts';
import { setTimes, timesOf } from '../../fs/times.ts';
import { openIndexForWriting } from '../openIndex.ts';
import { indexPath } from '../options.ts';
import { keepPrevious } from '../admin/previousName.ts';
import { whileLocked } from '../lockPriority.ts';
import { scan } from '../scan/scan.ts';

/**
 * A new file larger than this is synced before the lock is taken. Syncing a smaller one takes no
 * longer than any sync.
 */
const SYNCED_FIRST_BYTES = 1 << 20;
/** Less than this is not worth copying before the lock: two or three short commands. */
const LITTLE_BYTES = 1024;
/**
 * This much is copied under the lock within some milliseconds. If more was appended while the lock
 * was awaited, it is first copied without the lock.
 */
const SOON_COPIED_BYTES = 8192;
/** Limits the rounds: a writer may be faster than the copying. */
const MOST_ROUNDS = 8;
/**
 * The longest pause between two tries for the lock. A master leaves gaps of only a millisecond or
 * two. With longer pauses, more would be left to copy under the lock.
 */
const LONGEST_PAUSE_MS = 4;

/** How far the new file has caught up. */
interface Follower {
  readonly job: Job;
  readonly fresh: IndexFile;
  /** The new file holds what the old one has up to this offset. */
  oldEnd: number;
  end: number;
}

/**
 * Puts the new files in the place of the old ones. `bytes`: the new file's size, all of which is in
 * its index.
 */
export async function replace(job: Job, fresh: IndexFile, bytes: number): Promise<void> {
  const follower: Follower = { job, fresh, oldEnd: job.plan.fileEnd, end: bytes };
  for (let round = 1; !(await replaceSoon(follower, round === MOST_ROUNDS)); round += 1);
}

/**
 * Returns false if too much was appended meanwhile to copy it under the lock. The last round copies
 * it anyway.
 */
async function replaceSoon(follower: Follower, isLast: boolean): Promise<boolean> {
  const { job, fresh } = follower;
  const { work, snapshot, target } = job;
  const { path, swapWait } = work;
  if (work.latestTime === undefined) await follow(follower);
  // A writer that waits for the lock then waits only for the tail to be synced.
  if (follower.end > SYNCED_FIRST_BYTES) await allOf(syncData(target.fd), syncIndex(fresh));
  return whileLocked(path, { wait: { longestPauseMs: LONGEST_PAUSE_MS, ...swapWait } }, async (file) => {
    const { ino, size } = fstatSync(file.fd, { bigint: true });
    if (ino !== snapshot.inode) {
      throw new BackupError('locked', `${path} was replaced meanwhile`, { subject: path });
    }
    if (!isLast && Number(size) - follower.oldEnd > SOON_COPIED_BYTES) return false;
    await replaceLocked(follower, file);
    return true;
  });
}

/**
 * Copies what has been appended, while a writer may append more. It copies ended chunks only: an
 * open one may still be rolled back.
 */
async function follow(follower: Follower): Promise<void> {
  const { path } = follower.job.work;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    if (statSync(path, { bigint: true }).ino !== follower.job.snapshot.inode) return;
    const ended = endOf(path);
    if (ended - follower.oldEnd < LITTLE_BYTES) return;
    await copyTail(follower, ended);
  }
}

/**
 * Returns where the last ended chunk ends, according to the index. Returns 0 if the index does not
 * tell; it is then repaired under the lock.
 */
function endOf(path: string): number {
  const index = IndexFile.open(indexPath(path), 'read');
  try {
    return (index && lastEndedChunk(index)?.file_end) ?? 0;
  } catch (error) {
    if (!isDamagedIndex(error)) throw error;
    return 0;
  } finally {
    index?.close();
  }
}

async function replaceLocked(follower: Follower, file: LockedFile): Promise<void> {
  const { job, fresh } = follower;
  const { work, target, horizon, plan } = job;
  const { path, notice } = work;
  const hasGrown = fstatSync(file.fd).size > plan.fileEnd;
  const index = hasGrown || work.keepsPrevious ? await openIndexForWriting(file, notice) : null;
  try {
    // The lines that came meanwhile have the times that retime is meant to correct.
    if (hasGrown && work.latestTime !== undefined) {
      throw new BackupError('locked', `${path} was written to meanwhile: run it again`, { subject: path });
    }
    if (hasGrown && index !== null) {
      await copyTail(follower, fstatSync(file.fd).size);
      const faults = compareTables([mailboxTable], index, fresh, {
        values: { horizon, latest: NO_LATEST_TIME },
      });
      if (faults.length > 0) throw new NotTheSame(path, faults);
    }
    await allOf(syncData(target.fd), finishIndex(fresh, indexPath(target.path)));
    step('caught-up');
    if (work.keepsPrevious && index !== null) keepBoth(path, index);
    step('kept');
  } finally {
    index?.close();
  }
  keepOwner(indexPath(target.path), target.fd);
  target.requireCurrent();
  // The mount shows this as the time of the user's folder, and nothing in that folder has changed.
  setTimes(target.fd, timesOf(file.fd));
  place(path);
}

/** Settles when all have ended, so that none still uses a file that the caller then closes. */
async function allOf(...works: readonly Promise<void>[]): Promise<void> {
  for (const ended of await Promise.allSettled(works)) if (ended.status === 'rejected') throw ended.reason;
}

/** Copies whole members up to an offset of the old file, and folds them into the new index. */
async function copyTail(follower: Follower, oldEnd: number): Promise<void> {
  const { job, fresh, end } = follower;
  const count = oldEnd - follower.oldEnd;
  if (count === 0) return;
  await copyBytes(job.snapshot.data.fd, job.target.fd, follower.oldEnd, oldEnd, { at: end });
  const { damages } = scan(fresh, job.target.fd, end, end + count, { isEnded: true });
  const [damage] = damages;
  if (damage !== undefined) throw new BackupError('damaged', damage.reason);
  follower.oldEnd = oldEnd;
  follower.end = end + count;
}

function keepBoth(path: string, index: IndexFile): void {
  const time = keepPrevious(path).slice(path.length);
  index.copyTo(indexPath(path) + time);
}

function place(path: string): void {
  // Otherwise SQLite would take the old index's write-ahead log for the new one's.
  removeIndexFiles(indexPath(path));
  step('removed');
  renameSync(`${path}.new`, path);
  step('placed');
  renameSync(indexPath(`${path}.new`), indexPath(path));
  syncFolder(dirname(path));
  step('placed-index');
}
