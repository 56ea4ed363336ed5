/**
 * Carries out the plan of reconstruct. All changes of backups.db are one transaction, and each
 * change of a file is one rename or unlink. So a second run can finish what a kill at any step has
 * left.
 */
import { existsSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Catalog } from '../../catalog/catalog.ts';
import { LockedFile } from '../../fs/lockedFile.ts';
import { syncFolder } from '../../fs/folders.ts';
import { BackupError } from '../../errors.ts';
import { faultPoint } from '../faultPoint.ts';
import { removeFiles } from './move.ts';
import { isOrphan } from './reconstruct.ts';
import type { Finding } from './reconstruct.ts';

/** In order; the tests kill a reconstruct after each. */
export const RECONSTRUCT_STEPS = ['restored', 'entered', 'removed'] as const;

const step = (name: (typeof RECONSTRUCT_STEPS)[number]): void => faultPoint(`reconstruct:${name}`);

/**
 * Applies the findings, and removes empty files that no entry names. `isForced` also drops entries
 * without a file, puts previous files back, and removes leftovers. Returns the findings that could
 * not be applied, with the reason.
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
  if (existsSync(path)) throw new BackupError('locked', `${path} has come back meanwhile`, { subject: path });
  renameSync(previous, path);
  syncFolder(dirname(path));
  step('restored');
}

/** Removes the file under its lock and that of backups.db: a backupd may be about to enter it. */
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

/** Removes the file under the data file's lock: what looks like a leftover may be in use. */
async function removeLeftover({ path, dataPath }: Extract<Finding, { kind: 'leftover' }>): Promise<void> {
  const isThere = lstatSync(dataPath, { throwIfNoEntry: false })?.isFile() === true;
  const file = isThere ? await LockedFile.acquire(dataPath) : null;
  try {
    rmSync(path, { force: true });
    step('removed');
  } finally {
    file?.release();
  }
}
