/**
 * Removes a backup for good. Its entry in backups.db is removed first. If the process is killed
 * after that, the files stay without an entry. The next delete of that userid finds and removes
 * them.
 */
import { basename } from 'node:path';
import { backupFileOf, filesBelow } from '../../catalog/backupFiles.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import { LockedFile } from '../../fs/lockedFile.ts';
import type { AcquireOptions } from '../../fs/lockedFile.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { faultPoint } from '../faultPoint.ts';
import { removeFiles } from './move.ts';

/** The steps in order. The tests kill a delete after each of them. */
export const REMOVE_STEPS = ['forgotten', 'removed'] as const;

const step = (name: (typeof REMOVE_STEPS)[number]): void => faultPoint(`delete:${name}`);

/** Returns the data files whose names match a userid but that backups.db does not name. */
export function strayFiles(catalog: Catalog, userid: string, partitions: Iterable<string>): string[] {
  const paths = new Set<string>();
  for (const partition of partitions) {
    for (const file of filesBelow(partition)) {
      if (typeof file !== 'string' && file.userid === userid) paths.add(file.dataPath);
    }
  }
  // The backup of a renamed user still has its old file name, so any path in backups.db is in use.
  for (const { path } of paths.size === 0 ? [] : catalog.list()) paths.delete(path);
  return [...paths].toSorted();
}

/**
 * Removes a backup's files and its entry. `userid` is null if backups.db has no entry for it.
 * Throws 'locked'.
 */
export async function removeBackup(
  catalog: Catalog,
  userid: string | null,
  path: string,
  lock: AcquireOptions,
): Promise<void> {
  const file = await lockIfThere(path, lock);
  try {
    if (userid !== null && catalog.find(userid) === path) catalog.remove(userid);
    step('forgotten');
    try {
      removeFiles(path);
    } catch (error) {
      throw new BackupError(
        'io',
        `backups.db has forgotten it, but not all of its files are removed (${messageOf(error)}): delete it again`,
        { cause: error, subject: path },
      );
    }
    step('removed');
  } finally {
    file?.release();
  }
}

/** Locks the data file. Returns null if the data file does not exist. */
async function lockIfThere(path: string, lock: AcquireOptions): Promise<LockedFile | null> {
  if (backupFileOf(path)?.role !== 'data') {
    throw new BackupError('bad-parameters', `${basename(path)} is not the name of a data file`, {
      subject: path,
    });
  }
  try {
    return await LockedFile.acquire(path, lock);
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'not-found') return null;
    throw error;
  }
}
