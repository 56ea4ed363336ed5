/**
 * Compaction: writes a backup anew without what no moment of its retention needs any more.
 *
 * The new file is written beside the old one, from a snapshot, while a backupd goes on appending. Then it is read back whole: its lines are
 * folded into its index, every message is hashed, and the result is held against the old index. Only then is the old
 * file locked, what was appended meanwhile is copied behind the rest, and the new files take the names. The old index goes first: a kill
 * between the steps leaves a data file, old or new, without an index, which the next open builds.
 */
import { fstatSync, ftruncateSync, linkSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { LockedFile, SharedRead } from '../catalog/lockedFile.ts';
import type { AcquireOptions } from '../catalog/lockedFile.ts';
import { syncDirectory } from '../catalog/twoskipBuild.ts';
import { BackupError, asBackupError } from '../errors.ts';
import { horizon as horizonOf } from '../index/horizon.ts';
import { IndexFile } from '../index/indexFile.ts';
import { removeIndexFiles } from '../index/removeIndexFiles.ts';
import { makeRetainedNames, prepareRetained } from '../index/retained.ts';
import { syncData } from '../log/io.ts';
import { compareRetained, mailboxTable } from './compactCheck.ts';
import { planCompaction } from './compactPlan.ts';
import type { CompactionPlan } from './compactPlan.ts';
import { rewrite } from './compactRewrite.ts';
import { CompactWriter } from './compactWriter.ts';
import type { ChunkSizes } from './compactWriter.ts';
import { compareTables } from './compareIndexes.ts';
import { copyBytes } from './copyBytes.ts';
import { faultPoint } from './faultPoint.ts';
import { beginIndex, finishIndex, giveBack } from './freshIndex.ts';
import { openIndexForWriting, settledIndex } from './openIndex.ts';
import { indexPath } from './options.ts';
import type { Notice } from './options.ts';
import { keepOwner } from './keepOwner.ts';
import { previousTime } from './previousName.ts';
import { walk } from './walk.ts';

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

/** What is smaller is on disk as soon as a sync is. */
const SYNCED_FIRST_BYTES = 1 << 20;

const step = (name: (typeof COMPACT_STEPS)[number]): void => faultPoint(`compact:${name}`);

export interface Compaction {
  readonly path: string;
  /** Nothing is needed that went before this, in unix seconds; negative: all is kept. */
  readonly horizon: number;
  readonly sizes: ChunkSizes;
  /** How many chunks must plainly need it. */
  readonly workThreshold: number;
  readonly isForced: boolean;
  /** The old files stay, under names that end in the time. */
  readonly keepsPrevious: boolean;
  readonly compressionLevel: number;
  readonly lock: AcquireOptions;
  /** For the end, when the new file takes the name: by then there is work to lose. */
  readonly swapLock: AcquireOptions;
  /** Repairs on the way. */
  readonly notice: Notice;
  /** Which chunks are kept, split and combined, in the originals' words. */
  readonly detail: Notice;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Without enough to do it is 'skipped'. Throws 'locked', 'damaged' (nothing was changed: what is damaged is for
 * verify to mend), 'no-space', 'io'.
 */
export async function compactBackup(work: Compaction): Promise<'done' | 'skipped'> {
  const snapshot = await takeSnapshot(work);
  try {
    return await compactSnapshot(snapshot, work);
  } finally {
    snapshot.index.close();
    snapshot.data.close();
  }
}

async function compactSnapshot(snapshot: Snapshot, work: Compaction): Promise<'done' | 'skipped'> {
  const { path } = work;
  const beside = `${path}.new`;
  const target = await LockedFile.acquire(beside, { ...work.lock, create: true });
  try {
    ftruncateSync(target.fd, 0);
    step('begun');
    return await compactInto(target, snapshot, work);
  } catch (error) {
    throw asBackupError(error, path);
  } finally {
    // Where it was placed, the name is gone.
    if (target.isCurrent()) {
      rmSync(beside, { force: true });
      removeIndexFiles(indexPath(beside));
    }
    target.release();
  }
}

/** The backup as it was when the work began. */
interface Snapshot {
  readonly data: SharedRead;
  readonly index: IndexFile;
  readonly inode: bigint;
}

/** What there is to do, once it is known. */
interface Job {
  readonly work: Compaction;
  readonly snapshot: Snapshot;
  /** The new file, under its lock. */
  readonly target: LockedFile;
  /** As in Compaction, but never before that of an earlier one. */
  readonly horizon: number;
  readonly plan: CompactionPlan;
}

async function compactInto(
  target: LockedFile,
  snapshot: Snapshot,
  work: Compaction,
): Promise<'done' | 'skipped'> {
  const horizon = work.horizon < 0 ? -1 : Math.max(work.horizon, horizonOf(snapshot.index));
  prepareRetained(snapshot.index, horizon);
  const plan = planCompaction(snapshot.index, horizon, work.sizes);
  if (!work.isForced && plan.work < Math.max(1, work.workThreshold)) return 'skipped';
  work.detail(`keeping ${plan.chunks.length} chunks:`);
  work.detail(plan.chunks.map(({ chunk }) => ` ${chunk.id}`).join(''));
  const job = { work, snapshot, target, horizon, plan };
  const bytes = await writeAnew(job);
  const fresh = foldAnew(job, bytes);
  try {
    await replace(job, fresh, bytes);
    giveBack(fresh, bytes);
  } catch (error) {
    fresh.close();
    throw error;
  }
  return 'done';
}

/** A torn end is mended and the index brought up to date; then a backupd may have it again. */
async function takeSnapshot({ path, lock, notice }: Compaction): Promise<Snapshot> {
  const file = await LockedFile.acquire(path, lock);
  try {
    const settled = settledIndex(path, file.fd);
    if (settled === null) (await openIndexForWriting(file, notice)).close();
    const index = settled ?? IndexFile.open(indexPath(path), 'read');
    if (index === null) throw new Error(`the index of ${path} vanished while it was locked`);
    makeRetainedNames(index);
    index.holdSnapshot();
    return { data: SharedRead.open(path), index, inode: fstatSync(file.fd, { bigint: true }).ino };
  } finally {
    file.release();
  }
}

/** Answers the new file's size. */
async function writeAnew({ work, snapshot, target, horizon, plan }: Job): Promise<number> {
  const { data, index } = snapshot;
  keepOwner(target.path, data.fd);
  const out = new CompactWriter(target.fd, work.compressionLevel);
  const { sizes, detail, onProgress } = work;
  const half = onProgress && ((done: number): void => onProgress(done, 2 * plan.fileEnd));
  await rewrite({ index, fd: data.fd, horizon, sizes, notice: detail, onProgress: half }, plan, out);
  step('written');
  return out.fileEnd;
}

/** Reads the new file back, and proves it. */
function foldAnew({ work, snapshot, target, horizon }: Job, bytes: number): IndexFile {
  const { path, onProgress } = work;
  const fresh = beginIndex(indexPath(target.path), bytes);
  try {
    const half = onProgress && ((done: number, all: number): void => onProgress(all + done, 2 * all));
    const { damages } = walk(fresh, target.fd, 0, bytes, {
      isEnded: true,
      ...(half && { onProgress: half }),
    });
    const faults = [
      ...damages.map(({ reason }) => reason),
      ...compareRetained(snapshot.index, fresh, horizon),
    ];
    if (faults.length > 0) throw notTheSame(path, faults);
    step('folded');
    return fresh;
  } catch (error) {
    fresh.close();
    throw error;
  }
}

function notTheSame(path: string, faults: readonly string[]): BackupError {
  const shown = faults.slice(0, 3).join('; ');
  return new BackupError('damaged', `compacted it would not be the same, so it is left as it was: ${shown}`, {
    subject: path,
  });
}

/** Under the old file's lock: what came meanwhile is copied behind the rest, and the new files take the names. */
async function replace(job: Job, fresh: IndexFile, bytes: number): Promise<void> {
  const { work, snapshot, target, horizon, plan } = job;
  const { path, notice } = work;
  // Whoever waits for the lock waits for the tail only to come to the disk.
  if (bytes > SYNCED_FIRST_BYTES) await syncData(target.fd);
  const file = await LockedFile.acquire(path, work.swapLock);
  try {
    if (fstatSync(file.fd, { bigint: true }).ino !== snapshot.inode) {
      throw new BackupError('locked', `${path} was replaced meanwhile`, { subject: path });
    }
    const hasGrown = fstatSync(file.fd).size > plan.fileEnd;
    const index = hasGrown || work.keepsPrevious ? await openIndexForWriting(file, notice) : null;
    try {
      if (hasGrown && index !== null) {
        await copyTail(file.fd, target.fd, plan.fileEnd, bytes, fresh);
        const faults = compareTables([mailboxTable], index, fresh, { values: { horizon } });
        if (faults.length > 0) throw notTheSame(path, faults);
      }
      await allOf(syncData(target.fd), finishIndex(fresh, indexPath(target.path)));
      step('caught-up');
      if (work.keepsPrevious && index !== null) keepPrevious(path, index);
      step('kept');
    } finally {
      index?.close();
    }
    keepOwner(indexPath(target.path), target.fd);
    place(path);
  } finally {
    file.release();
  }
}

/** Resolves when all have ended, so that none is at work on what is closed then. */
async function allOf(...works: readonly Promise<void>[]): Promise<void> {
  for (const ended of await Promise.allSettled(works)) if (ended.status === 'rejected') throw ended.reason;
}

/** Whole members: the index of who holds the lock is in step, so the last one is ended. */
async function copyTail(
  from: number,
  to: number,
  start: number,
  bytes: number,
  fresh: IndexFile,
): Promise<void> {
  const { size } = fstatSync(from);
  await copyBytes(from, to, start, size, { at: bytes });
  const { damages } = walk(fresh, to, bytes, bytes + size - start, { isEnded: true });
  const [damage] = damages;
  if (damage !== undefined) throw new BackupError('damaged', damage.reason);
}

function keepPrevious(path: string, index: IndexFile): void {
  const time = previousTime(path);
  linkSync(path, `${path}.${time}`);
  index.copyTo(`${indexPath(path)}.${time}`);
}

function place(path: string): void {
  // SQLite would take the old index's write-ahead log for the new one's.
  removeIndexFiles(indexPath(path));
  step('removed');
  renameSync(`${path}.new`, path);
  step('placed');
  renameSync(indexPath(`${path}.new`), indexPath(path));
  syncDirectory(dirname(path));
  step('placed-index');
}
