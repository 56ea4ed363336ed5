/**
 * Makes folders and small files for another account, as root. A folder below one of the account's
 * own is made with the account's rights, so that the account cannot lead root elsewhere by a link.
 */
import { dirname } from 'node:path';
import { asBackupError, BackupError } from '../../errors.ts';
import { asOwnerOf } from '../actAsOwner.ts';
import { disk } from '../disk/current.ts';
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../disk/openFlags.ts';
import { makeFolders, syncFolder } from '../folders.ts';
import { writeAllSync } from '../io.ts';
import { createAnew } from '../open.ts';
import { removeFile } from '../names.ts';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const FOLDER_MODE = 0o700;
const PARENT_MODE = 0o755;

/**
 * Makes a folder with mode 0700 that belongs to the account. Returns whether it was missing. An
 * empty folder of root is given to the account. Throws 'refused' for a folder of another account,
 * and for one of root that holds something.
 */
export async function makeOwnedFolder(path: string, owner: Owner): Promise<boolean> {
  try {
    const stats = disk.stat(path);
    if (stats !== undefined) {
      takeOver(path, owner);
      return false;
    }
    const parent = nearestFolder(path);
    if (process.geteuid?.() !== 0 || disk.stat(parent)?.uid !== 0) {
      await asOwnerOf([parent], async () => makeFolders(path, FOLDER_MODE));
    } else {
      makeFolders(dirname(path), PARENT_MODE);
      makeFolders(path, FOLDER_MODE);
    }
    takeOver(path, owner);
    return true;
  } catch (error) {
    throw asBackupError(error, `cannot make the folder ${path}`);
  }
}

function nearestFolder(path: string): string {
  let folder = dirname(path);
  while (disk.stat(folder) === undefined && folder !== '/') folder = dirname(folder);
  return folder;
}

/** Works by descriptor, because the name may lead elsewhere a moment later. */
function takeOver(path: string, owner: Owner): void {
  const fd = disk.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { uid } = disk.fstat(fd);
    if (uid === owner.uid) return;
    if (process.geteuid?.() !== 0 || uid !== 0 || disk.readdir(path).length > 0) {
      const text = `the folder belongs to uid ${uid}: ${path}: give it to the account of backupd with chown, or name another`;
      throw new BackupError('refused', text, { subject: path });
    }
    disk.fchown(fd, owner.uid, owner.gid);
    disk.fchmod(fd, FOLDER_MODE);
  } finally {
    disk.close(fd);
  }
}

/**
 * Writes a small file atomically, with this mode and, if given, this owner. An existing file is
 * replaced. Throws a BackupError that names the path.
 */
export function makeOwnedFile(
  path: string,
  text: string,
  owner: Partial<Owner> & { readonly mode: number },
): void {
  const temporary = `${path}.new`;
  try {
    const fd = createAnew(temporary);
    try {
      writeAllSync(fd, Buffer.from(text), 0);
      if (owner.uid !== undefined && owner.gid !== undefined) disk.fchown(fd, owner.uid, owner.gid);
      disk.fchmod(fd, owner.mode);
      disk.fsync(fd);
    } finally {
      disk.close(fd);
    }
    disk.rename(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    removeFile(temporary);
    throw asBackupError(error, `cannot write ${path}`);
  }
}
