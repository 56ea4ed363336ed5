/**
 * Compaction: rewrites a backup without the data that its retention no longer needs.
 *
 * 1. Writes the new file beside the old one, from a snapshot, while a backupd continues to append
 *    to the old file.
 * 2. Reads the new file back completely: folds its lines into its index, hashes every message, and
 *    compares the result with the old index.
 * 3. Copies the data appended meanwhile to the end of the new file, and renames the new files into
 *    place (replace.ts).
 */
import { disk } from '../../fs/disk/current.ts';
import { LockedFile, SharedRead } from '../../fs/lockedFile.ts';
import { asBackupError } from '../../errors.ts';
import { requireCredible } from '../../index/store/credible.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import { retainedTables } from '../../index/queries/comparedTables.ts';
import { RetainedSet, sqlHorizon } from '../../index/queries/retained.ts';
import { compareTables } from '../verify/compareIndexes.ts';
import { NO_LATEST_TIME, NotTheSame, step } from './job.ts';
import type { Compaction, Job, Snapshot } from './job.ts';
import { effectiveHorizon, planCompaction, requireModestDrop } from './plan.ts';
import { replace } from './replace.ts';
import { rewrite } from './rewrite.ts';
import { CompactWriter } from './writer.ts';
import { beginIndex, giveBack } from '../freshIndex.ts';
import { faultOfIndex } from '../indexFault.ts';
import { openIndexForWriting, rebuildIndex, settledIndex } from '../openIndex.ts';
import { indexPath } from '../options.ts';
import { giveOwner } from '../../fs/keepOwner.ts';
import { whileLocked } from '../lockPriority.ts';
import { releaseUnfinished } from '../unfinished.ts';
import { scan } from '../scan/scan.ts';

/**
 * Compacts a backup. Returns 'skipped' if too few chunks need compaction. Throws 'locked',
 * 'no-space', 'io', and:
 *
 * - 'damaged': the backup is damaged and was not changed; `verify --repair` has to repair it first.
 * - 'refused': the compaction would drop nearly all messages.
 */
export async function compactBackup(work: Compaction): Promise<'done' | 'skipped'> {
  try {
    return await compactOnce(work);
  } catch (error) {
    // The new file was compared with the old index. If the two differ, the old index may be wrong.
    const fault = error instanceof NotTheSame ? error.message : faultOfIndex(error, indexPath(work.path));
    if (fault === null) throw error;
    work.notice(`${fault}, building it from the log`);
    await whileLocked(work.path, work.lock, async (file) => {
      (await rebuildIndex(file, work.notice)).index.close();
    });
    return compactOnce(work);
  }
}

async function compactOnce(work: Compaction): Promise<'done' | 'skipped'> {
  const snapshot = await takeSnapshot(work);
  try {
    return await compactSnapshot(snapshot, work);
  } finally {
    snapshot.retained.index.close();
    snapshot.data.close();
  }
}

async function compactSnapshot(snapshot: Snapshot, work: Compaction): Promise<'done' | 'skipped'> {
  const { path } = work;
  const beside = `${path}.new`;
  const target = await LockedFile.acquire(beside, { ...work.lock, create: true });
  try {
    disk.ftruncate(target.fd, 0);
    step('begun');
    return await compactInto(target, snapshot, work);
  } catch (error) {
    throw asBackupError(error, path);
  } finally {
    releaseUnfinished(target);
  }
}

async function compactInto(
  target: LockedFile,
  snapshot: Snapshot,
  work: Compaction,
): Promise<'done' | 'skipped'> {
  const { retained } = snapshot;
  retained.fill(effectiveHorizon(retained.index, work.horizon));
  const plan = planCompaction(retained, work.sizes);
  if (!work.isForced && plan.work < Math.max(1, work.workThreshold)) return 'skipped';
  requireCredible(retained.index);
  if (!work.mayDropMost) requireModestDrop(plan, work.path);
  work.detail(`keeping ${plan.chunks.length} chunks:`);
  work.detail(plan.chunks.map(({ chunk }) => ` ${chunk.id}`).join(''));
  const job = { work, snapshot, target, plan };
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

let hasOpenedAny = false;

/**
 * Repairs a torn end, brings the index up to date, and opens both files. A backupd may use the
 * backup again as soon as this returns.
 */
async function takeSnapshot({ path, lock, notice }: Compaction): Promise<Snapshot> {
  // The first index that a process opens takes far longer than later ones. Opening it before the
  // lock is taken keeps writers from waiting for that.
  if (!hasOpenedAny) IndexFile.peek(indexPath(path))?.close();
  hasOpenedAny = true;
  return whileLocked(path, lock, async (file) => {
    const settled = settledIndex(path, file.fd);
    if (settled === null) (await openIndexForWriting(file, notice)).close();
    const index = settled ?? IndexFile.open(indexPath(path), 'read');
    if (index === null) throw new Error(`the index of ${path} vanished while it was locked`);
    try {
      const retained = new RetainedSet(index);
      const inode = disk.exactFstat(file.fd).ino;
      return { data: SharedRead.open(path), retained, inode };
    } catch (error) {
      index.close();
      throw error;
    }
  });
}

/** Writes the new data file. Returns its size. */
async function writeAnew({ work, snapshot, target, plan }: Job): Promise<number> {
  const { data, retained } = snapshot;
  giveOwner(target.fd, disk.fstat(data.fd));
  const { sizes, detail, onProgress, latestTime = NO_LATEST_TIME } = work;
  const out = new CompactWriter(target.fd, work.compressionLevel, latestTime);
  const half = onProgress && ((done: number): void => onProgress(done, 2 * plan.fileEnd));
  await rewrite({ retained, fd: data.fd, latestTime, sizes, notice: detail, onProgress: half }, plan, out);
  step('written');
  return out.fileEnd;
}

/**
 * Reads the new file back and proves the compaction: for every time from the horizon on, the new
 * file has the same state as the old backup. Without this proof, a compaction changes nothing.
 * Returns the new file's index.
 */
function foldAnew({ work, snapshot, target }: Job, bytes: number): IndexFile {
  const { path, onProgress, latestTime = NO_LATEST_TIME } = work;
  const fresh = beginIndex(indexPath(target.path), bytes);
  try {
    const half = onProgress && ((done: number, all: number): void => onProgress(all + done, 2 * all));
    const { retained } = snapshot;
    const values = { horizon: sqlHorizon(retained.horizon), latest: latestTime };
    const { damages } = scan(fresh, target.fd, 0, bytes, {
      isEnded: true,
      ...(half && { onProgress: half }),
    });
    const faults = [
      ...damages.map(({ reason }) => reason),
      ...compareTables(retainedTables, retained.index, fresh, { values }),
    ];
    if (faults.length > 0) throw new NotTheSame(path, faults);
    step('folded');
    return fresh;
  } catch (error) {
    fresh.close();
    throw error;
  }
}
