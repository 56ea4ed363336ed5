/**
 * Handles a user's data file that is missing. There are two possible causes:
 *
 * - The file never held anything: its creation was interrupted, or an administrator removed an
 *   empty file.
 * - The file holds the only copy of the user's mail, and its partition is not mounted.
 *
 * A new empty file is created only if all signs point to the first cause: see "When a data file is
 * gone" in docs/guide/operations.md.
 */
import { dirname } from 'node:path';
import { asBackupError, BackupError } from '../errors.ts';
import { disk } from '../fs/disk/current.ts';
import { syncFolder } from '../fs/folders.ts';
import { giveOwner } from '../fs/keepOwner.ts';
import { lstatExisting } from '../fs/names.ts';
import { createExclusively } from '../fs/open.ts';
import { placeFault, sideFiles } from './backupFiles.ts';
import type { CatalogEntry } from './catalog.ts';

/** The largest number of other backups in the same partition that are checked. */
const SAMPLE = 64;

interface Missing {
  readonly userid: string;
  readonly path: string;
  readonly partitions: Iterable<string>;
  /** Returns all entries of backups.db. */
  readonly others: () => Iterable<CatalogEntry>;
  /** Whether an INBOX of the user has been backed up. */
  readonly hadInbox: boolean;
}

/** Creates a new empty file at the same path, or throws 'io' with the reason and what to do. */
export function beginAgain(missing: Missing): void {
  const { userid, path } = missing;
  const reason = placeFault(path, missing.partitions) ?? whyNot(missing);
  if (reason !== null) {
    const cure =
      'mount its partition, or put the file back; if it is lost for good, ctl_backups -F reconstruct';
    const text = `the data file of ${userid} is gone, and no empty one is begun, because ${reason}: ${path}: ${cure}`;
    throw new BackupError('io', text, { subject: userid });
  }
  try {
    const fd = createExclusively(path);
    try {
      giveOwner(fd, lstatExisting(dirname(path)));
      disk.fsync(fd);
    } finally {
      disk.close(fd);
    }
    syncFolder(dirname(path));
  } catch (error) {
    // EEXIST: another process has created it in the meantime.
    if ((error as { code?: unknown }).code !== 'EEXIST') throw asBackupError(error, `cannot create ${path}`);
  }
}

function whyNot({ userid, path, others, hadInbox }: Missing): string | null {
  const folder = dirname(path);
  if (!isThere(folder)) return 'its folder is not there, as on a partition that is not mounted';
  if (hadInbox) return 'mail of the user has been backed up';
  if (sideFiles(path).length > 0) return 'other files of the backup are there';
  const partition = dirname(folder);
  let count = 0;
  let found = 0;
  for (const other of others()) {
    if (other.userid === userid || dirname(dirname(other.path)) !== partition) continue;
    count += 1;
    if (isThere(other.path)) found += 1;
    if (count === SAMPLE) break;
  }
  if (count > 0 && found * 2 <= count) return 'most other backups of its partition are not there either';
  return null;
}

function isThere(path: string): boolean {
  return disk.lstat(path) !== undefined;
}
