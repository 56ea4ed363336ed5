/**
 * The end of a compaction: the new file takes the old one's name, with all that was appended to the old one meanwhile.
 *
 * Under the old file's lock a writer waits. So what came while the new file was written is copied before, and what came
 * while that was copied, until there is next to nothing left for the lock; and if by the time of the lock there is more, the same again. On a busy
 * machine the folding of a hundred lines takes a quarter of a second.
 *
 * Of the old files the index goes first: a kill between the steps leaves a data file, old or new, without an index, which the next open builds.
 */
import { fstatSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LockedFile } from '../fs/lockedFile.ts';
import { syncFolder } from '../fs/folders.ts';
import { BackupError } from '../errors.ts';
import { isDamagedIndex } from '../index/indexErrors.ts';
import { IndexFile } from '../index/indexFile.ts';
import { lastEndedChunk } from '../index/queries.ts';
import { removeIndexFiles } from '../index/removeIndexFiles.ts';
import { syncData } from '../fs/io.ts';
import { mailboxTable } from './compactCheck.ts';
import { NO_LATEST_TIME, NotTheSame, step } from './compactJob.ts';
import type { Job } from './compactJob.ts';
import { compareTables } from './compareIndexes.ts';
import { copyBytes } from '../fs/copyBytes.ts';
import { finishIndex, syncIndex } from './freshIndex.ts';
import { keepOwner } from '../fs/keepOwner.ts';
import { setTimes, timesOf } from '../fs/times.ts';
import { openIndexForWriting } from './openIndex.ts';
import { indexPath } from './options.ts';
import { keepPrevious } from './previousName.ts';
import { whileLocked } from './urgent.ts';
import { walk } from './walk.ts';

/** What is smaller is on disk as soon as a sync is. */
const SYNCED_FIRST_BYTES = 1 << 20;
/** Two or three short commands. */
const LITTLE_BYTES = 1024;
/** So much is copied under the lock within some milliseconds. What has grown by more, while the lock was waited for, is followed without it again. */
const SOON_COPIED_BYTES = 8192;
/** A writer may be quicker than the copying. */
const MOST_ROUNDS = 8;
/** A master leaves a gap of a millisecond or two. Who looks seldom has much to copy when the lock is had. */
const LONGEST_PAUSE_MS = 4;

/** How far the new file is. */
interface Follower {
  readonly job: Job;
  readonly fresh: IndexFile;
  /** Up to here it has what the old one has. */
  oldEnd: number;
  end: number;
}

/** `bytes`: the new file's size, of which all is in its index. */
export async function replace(job: Job, fresh: IndexFile, bytes: number): Promise<void> {
  const follower: Follower = { job, fresh, oldEnd: job.plan.fileEnd, end: bytes };
  for (let round = 1; !(await replaceSoon(follower, round === MOST_ROUNDS)); round += 1);
}

/** false: too much was appended in between for the lock to be kept while that is copied; not in the last round. */
async function replaceSoon(follower: Follower, isLast: boolean): Promise<boolean> {
  const { job, fresh } = follower;
  const { work, snapshot, target } = job;
  const { path, swapWait } = work;
  if (work.latestTime === undefined) await follow(follower);
  // Whoever waits for the lock waits for the tail only to come to the disk.
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

/** Copies what has been appended, while more may be: whole chunks, since of an open one it is not known whether it will stand. */
async function follow(follower: Follower): Promise<void> {
  const { path } = follower.job.work;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    if (statSync(path, { bigint: true }).ino !== follower.job.snapshot.inode) return;
    const ended = endOf(path);
    if (ended - follower.oldEnd < LITTLE_BYTES) return;
    await copyTail(follower, ended);
  }
}

/** Where the last chunk that was ended ends, as the index says. Zero where it says nothing: then whoever has the lock mends it. */
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
    // What came meanwhile has the times that are to go.
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
  // The user's folder in the mount has this time, and nothing in it has changed.
  setTimes(target.fd, timesOf(file.fd));
  place(path);
}

/** Resolves when all have ended, so that none is at work on what is closed then. */
async function allOf(...works: readonly Promise<void>[]): Promise<void> {
  for (const ended of await Promise.allSettled(works)) if (ended.status === 'rejected') throw ended.reason;
}

/** Whole members, up to the old file's offset, and into the new index. */
async function copyTail(follower: Follower, oldEnd: number): Promise<void> {
  const { job, fresh, end } = follower;
  const count = oldEnd - follower.oldEnd;
  if (count === 0) return;
  await copyBytes(job.snapshot.data.fd, job.target.fd, follower.oldEnd, oldEnd, { at: end });
  const { damages } = walk(fresh, job.target.fd, end, end + count, { isEnded: true });
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
  // SQLite would take the old index's write-ahead log for the new one's.
  removeIndexFiles(indexPath(path));
  step('removed');
  renameSync(`${path}.new`, path);
  step('placed');
  renameSync(indexPath(`${path}.new`), indexPath(path));
  syncFolder(dirname(path));
  step('placed-index');
}
