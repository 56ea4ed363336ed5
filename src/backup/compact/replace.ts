/**
 * The end of a compaction: replaces the old data file by the new one, including all data that was
 * appended to the old file meanwhile.
 *
 * A writer waits while the old file is locked, so little work may be left to do under the lock. The
 * data appended while the new file was written is copied before the lock is taken. Then the data
 * appended during that copy is copied, and so on, until almost nothing is left. If a writer has
 * appended more by the time the lock is taken, the lock is released and copying is repeated. On a
 * busy machine, folding a hundred lines takes a quarter of a second.
 *
 * The old index is removed first. A kill between the steps leaves the old or the new data file
 * without an index. The next open builds one.
 */
import { dirname } from 'node:path';
import { disk } from '../../fs/disk/current.ts';
import type { LockedFile } from '../../fs/lockedFile.ts';
import { syncFolder } from '../../fs/folders.ts';
import { BackupError } from '../../errors.ts';
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import { lastEndedChunk } from '../../index/queries/chunks.ts';
import { sqlHorizon } from '../../index/queries/retained.ts';
import { retainedMailboxes } from '../../index/queries/comparedTables.ts';
import { removeIndexFiles } from '../../index/store/removeIndexFiles.ts';
import { syncData } from '../../fs/io.ts';
import { NO_LATEST_TIME, NotTheSame, step } from './job.ts';
import type { Job } from './job.ts';
import { compareTables } from '../verify/compareIndexes.ts';
import { copyBytes } from '../../fs/copyBytes.ts';
import { finishIndex, syncIndex } from '../freshIndex.ts';
import { keepOwner } from '../../fs/keepOwner.ts';
import { openIndexForWriting } from '../openIndex.ts';
import { indexPath } from '../options.ts';
import { keepPrevious } from '../admin/previousName.ts';
import { whileLocked } from '../lockPriority.ts';
import { scan } from '../scan/scan.ts';

/**
 * A new file larger than this is synced before the lock is taken. A smaller file takes no longer
 * than the minimum time of any sync.
 */
const SYNCED_FIRST_BYTES = 1 << 20;
/**
 * Less data than this (two or three short commands) is not worth copying before the lock is taken.
 */
const LITTLE_BYTES = 1024;
/**
 * This much data is copied under the lock within a few milliseconds. If more was appended while
 * waiting for the lock, it is first copied without the lock.
 */
const SOON_COPIED_BYTES = 8192;
/** The maximum number of copying rounds, because a writer may be faster than the copying. */
const MOST_ROUNDS = 8;
/**
 * The longest pause between two attempts to take the lock. A master leaves gaps of only a
 * millisecond or two. With longer pauses, more data would be left to copy under the lock.
 */
const LONGEST_PAUSE_MS = 4;

/** Describes how far the new file has caught up with the old one. */
interface Follower {
  readonly job: Job;
  readonly fresh: IndexFile;
  /** The new file holds all data of the old file up to this offset. */
  oldEnd: number;
  end: number;
}

/**
 * Replaces the old files by the new ones. `bytes`: the new file's size; the new index covers all of
 * it.
 */
export async function replace(job: Job, fresh: IndexFile, bytes: number): Promise<void> {
  const follower: Follower = { job, fresh, oldEnd: job.plan.fileEnd, end: bytes };
  for (let round = 1; !(await replaceSoon(follower, round === MOST_ROUNDS)); round += 1);
}

/**
 * Replaces the files under the lock. Returns false if too much data was appended meanwhile to copy
 * it under the lock. The last round copies it anyway.
 */
async function replaceSoon(follower: Follower, isLast: boolean): Promise<boolean> {
  const { job, fresh } = follower;
  const { work, snapshot, target } = job;
  const { path, swapWait } = work;
  if (work.latestTime === undefined) await follow(follower);
  // After this, a writer that waits for the lock waits only for the sync of the last bytes.
  if (follower.end > SYNCED_FIRST_BYTES) await allOf(syncData(target.fd), syncIndex(fresh));
  return whileLocked(path, { wait: { longestPauseMs: LONGEST_PAUSE_MS, ...swapWait } }, async (file) => {
    const { ino, size } = disk.exactFstat(file.fd);
    if (ino !== snapshot.inode) {
      throw new BackupError('locked', `${path} was replaced meanwhile`, { subject: path });
    }
    if (!isLast && Number(size) - follower.oldEnd > SOON_COPIED_BYTES) return false;
    await replaceLocked(follower, file);
    return true;
  });
}

/**
 * Copies the appended data while a writer may append more. Copies only ended chunks, because an
 * open chunk may still be rolled back.
 */
async function follow(follower: Follower): Promise<void> {
  const { path } = follower.job.work;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    if (disk.exactStat(path)?.ino !== follower.job.snapshot.inode) return;
    const ended = endOf(path);
    if (ended - follower.oldEnd < LITTLE_BYTES) return;
    await copyTail(follower, ended);
  }
}

/**
 * Returns the file offset at which the last ended chunk ends, according to the index. Returns 0 if
 * the index does not know; it is then repaired under the lock.
 */
function endOf(path: string): number {
  const index = IndexFile.open(indexPath(path), 'read');
  try {
    return (index && lastEndedChunk(index)?.fileEnd) ?? 0;
  } catch (error) {
    if (!isDamagedIndex(error)) throw error;
    return 0;
  } finally {
    index?.close();
  }
}

async function replaceLocked(follower: Follower, file: LockedFile): Promise<void> {
  const { job, fresh } = follower;
  const { work, target, plan, snapshot } = job;
  const { path, notice } = work;
  const hasGrown = disk.fstat(file.fd).size > plan.fileEnd;
  const index = hasGrown || work.keepsPrevious ? await openIndexForWriting(file, notice) : null;
  try {
    // The lines appended meanwhile still have the wrong times that `retime` has to correct.
    if (hasGrown && work.latestTime !== undefined) {
      throw new BackupError('locked', `${path} was written to meanwhile: run it again`, { subject: path });
    }
    if (hasGrown && index !== null) {
      await copyTail(follower, disk.fstat(file.fd).size);
      const faults = compareTables([retainedMailboxes], index, fresh, {
        values: { horizon: sqlHorizon(snapshot.retained.horizon), latest: NO_LATEST_TIME },
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
  // Keeps the old file's times. The mount shows them as the times of the user's folder, and the
  // content of that folder has not changed.
  disk.setTimes(target.fd, disk.getTimes(file.fd));
  place(path);
}

/**
 * Waits until all promises have settled, so that none still uses a file when the caller closes it.
 */
async function allOf(...works: readonly Promise<void>[]): Promise<void> {
  for (const ended of await Promise.allSettled(works)) if (ended.status === 'rejected') throw ended.reason;
}

/** Copies whole members of the old file up to an offset, and folds them into the new index. */
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
  // Otherwise SQLite would apply the old index's write-ahead log to the new index.
  removeIndexFiles(indexPath(path));
  step('removed');
  disk.rename(`${path}.new`, path);
  step('placed');
  disk.rename(indexPath(`${path}.new`), indexPath(path));
  syncFolder(dirname(path));
  step('placed-index');
}
