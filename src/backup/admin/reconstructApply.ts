/**
 * Carries out the plan of `reconstruct`. All changes of backups.db are made in one transaction, and
 * each change of a file is one rename or unlink. If the process is killed at any step, a second run
 * can therefore finish the work.
 */
import { dirname } from 'node:path';
import type { Catalog } from '../../catalog/catalog.ts';
import { disk } from '../../fs/disk/current.ts';
import { LockedFile } from '../../fs/lockedFile.ts';
import { syncFolder } from '../../fs/folders.ts';
import { removeFile } from '../../fs/names.ts';
import { BackupError } from '../../errors.ts';
import { faultPoint } from '../faultPoint.ts';
import { removeFiles } from './move.ts';
import { isOrphan } from './reconstruct.ts';
import type { Finding } from './reconstruct.ts';

/** The steps in order. The tests kill a reconstruct after each of them. */
export const RECONSTRUCT_STEPS = ['restored', 'entered', 'removed'] as const;

const step = (name: (typeof RECONSTRUCT_STEPS)[number]): void => faultPoint(`reconstruct:${name}`);

/**
 * Applies the findings, and removes empty data files that no entry names. With `isForced`, it also
 * drops entries without a file, puts previous files back, and removes leftovers. Returns the
 * findings that could not be applied, with the reasons.
 */
export async function applyReconstruct(
  catalog: Catalog,
  findings: readonly Finding[],
  isForced: boolean,
): Promise<ReadonlyMap<Finding, string>> {
  const failures = new Map<Finding, string>();
  if (isForced) for (const finding of findings) if (finding.kind === 'restorable') putBack(finding);
  catalog.transaction(() => {
    for (const finding of findings) {
      if (finding.kind === 'entered') catalog.set(finding.userid, finding.path);
      else if (isForced && finding.kind === 'restorable') catalog.set(finding.userid, finding.path);
      else if (isForced && finding.kind === 'missing') catalog.remove(finding.userid);
    }
  });
  step('entered');
  for (const finding of findings) {
    try {
      if (finding.kind === 'orphan') await removeOrphan(catalog, finding.path);
      else if (isForced && finding.kind === 'leftover') await removeLeftover(finding);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      failures.set(finding, error.message);
    }
  }
  return failures;
}

function putBack({ path, previous }: Extract<Finding, { kind: 'restorable' }>): void {
  if (disk.exists(path))
    throw new BackupError('locked', `${path} has come back meanwhile`, { subject: path });
  disk.rename(previous, path);
  syncFolder(dirname(path));
  step('restored');
}

/**
 * Removes an empty data file. Locks the file and backups.db first, because a backupd may be about
 * to enter the file in backups.db.
 */
async function removeOrphan(catalog: Catalog, path: string): Promise<void> {
  const file = await LockedFile.acquire(path);
  try {
    catalog.transaction(() => {
      for (const entry of catalog.list()) if (entry.path === path) return;
      if (isOrphan(path)) removeFiles(path);
    });
  } finally {
    file.release();
  }
}

/**
 * Removes a leftover file. Locks its data file first, because the apparent leftover may be in use.
 */
async function removeLeftover({ path, dataPath }: Extract<Finding, { kind: 'leftover' }>): Promise<void> {
  const isThere = disk.lstat(dataPath)?.isFile() === true;
  const file = isThere ? await LockedFile.acquire(dataPath) : null;
  try {
    removeFile(path);
    step('removed');
  } finally {
    file?.release();
  }
}
