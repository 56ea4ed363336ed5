/**
 * Compaction: writes a backup anew without what no moment of its retention needs any more.
 *
 * The new file is written beside the old one, from a snapshot, while a backupd goes on appending. Then it is read back whole: its lines are
 * folded into its index, every message is hashed, and the result is held against the old index. Only then
 * what was appended meanwhile is copied behind the rest, and the new files take the names (compactReplace.ts).
 */
import { fstatSync, ftruncateSync, rmSync } from 'node:fs';
import { LockedFile, SharedRead } from '../fs/lockedFile.ts';
import { asBackupError } from '../errors.ts';
import { requireCredible } from '../index/credible.ts';
import { IndexFile } from '../index/indexFile.ts';
import { removeIndexFiles } from '../index/removeIndexFiles.ts';
import { makeRetainedNames, prepareRetained } from '../index/retained.ts';
import { compareRetained } from './compactCheck.ts';
import { NO_LATEST_TIME, NotTheSame, step } from './compactJob.ts';
import type { Compaction, Job, Snapshot } from './compactJob.ts';
import { effectiveHorizon, planCompaction, requireModestDrop } from './compactPlan.ts';
import { replace } from './compactReplace.ts';
import { rewrite } from './compactRewrite.ts';
import { CompactWriter } from './compactWriter.ts';
import { beginIndex, giveBack } from './freshIndex.ts';
import { faultOfIndex } from './indexFault.ts';
import { openIndexForWriting, rebuildIndex, settledIndex } from './openIndex.ts';
import { indexPath } from './options.ts';
import { giveOwner } from '../fs/keepOwner.ts';
import { whileLocked } from './urgent.ts';
import { walk } from './walk.ts';

/**
 * Without enough to do it is 'skipped'. Throws 'locked', 'damaged' (nothing was changed: what is damaged is for
 * verify to mend), 'refused' where it would drop nearly everything, 'no-space', 'io'.
 */
export async function compactBackup(work: Compaction): Promise<'done' | 'skipped'> {
  try {
    return await compactOnce(work);
  } catch (error) {
    // What the new file is compared with is the old index: where they differ, that may be at fault.
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

async function compactInto(
  target: LockedFile,
  snapshot: Snapshot,
  work: Compaction,
): Promise<'done' | 'skipped'> {
  const horizon = effectiveHorizon(snapshot.index, work.horizon);
  prepareRetained(snapshot.index, horizon);
  const plan = planCompaction(snapshot.index, horizon, work.sizes);
  if (!work.isForced && plan.work < Math.max(1, work.workThreshold)) return 'skipped';
  if (!work.mayDropMost) requireModestDrop(plan, work.path);
  requireCredible(snapshot.index);
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

let hasOpenedAny = false;

/** A torn end is mended and the index brought up to date; then a backupd may have it again. */
async function takeSnapshot({ path, lock, notice }: Compaction): Promise<Snapshot> {
  // The first index that a process opens takes many times what the next ones take. A writer is not to wait for that.
  if (!hasOpenedAny) IndexFile.peek(indexPath(path))?.close();
  hasOpenedAny = true;
  return whileLocked(path, lock, async (file) => {
    const settled = settledIndex(path, file.fd);
    if (settled === null) (await openIndexForWriting(file, notice)).close();
    const index = settled ?? IndexFile.open(indexPath(path), 'read');
    if (index === null) throw new Error(`the index of ${path} vanished while it was locked`);
    makeRetainedNames(index);
    index.holdSnapshot();
    return { data: SharedRead.open(path), index, inode: fstatSync(file.fd, { bigint: true }).ino };
  });
}

/** Answers the new file's size. */
async function writeAnew({ work, snapshot, target, horizon, plan }: Job): Promise<number> {
  const { data, index } = snapshot;
  giveOwner(target.fd, fstatSync(data.fd));
  const { sizes, detail, onProgress, latestTime = NO_LATEST_TIME } = work;
  const out = new CompactWriter(target.fd, work.compressionLevel, latestTime);
  const half = onProgress && ((done: number): void => onProgress(done, 2 * plan.fileEnd));
  await rewrite(
    { index, fd: data.fd, horizon, latestTime, sizes, notice: detail, onProgress: half },
    plan,
    out,
  );
  step('written');
  return out.fileEnd;
}

/** Reads the new file back, and proves it. */
function foldAnew({ work, snapshot, target, horizon }: Job, bytes: number): IndexFile {
  const { path, onProgress, latestTime = NO_LATEST_TIME } = work;
  const fresh = beginIndex(indexPath(target.path), bytes);
  try {
    const half = onProgress && ((done: number, all: number): void => onProgress(all + done, 2 * all));
    const { damages } = walk(fresh, target.fd, 0, bytes, {
      isEnded: true,
      ...(half && { onProgress: half }),
    });
    const faults = [
      ...damages.map(({ reason }) => reason),
      ...compareRetained(snapshot.index, fresh, horizon, latestTime),
    ];
    if (faults.length > 0) throw new NotTheSame(path, faults);
    step('folded');
    return fresh;
  } catch (error) {
    fresh.close();
    throw error;
  }
}
