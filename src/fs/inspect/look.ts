/**
 * Looks at files without changing them: owner, mode, type, free space. For commands that report
 * what they find. Names that an administrator wrote into the configuration may be links; names
 * inside the store may not, and are looked at with lstatOf.
 */
import { asBackupError, messageOf } from '../../errors.ts';
import { disk } from '../disk/current.ts';
import type { FileStats, FileSystemStats } from '../disk/disk.ts';
import { R_OK, W_OK } from '../disk/openFlags.ts';
import { openRegular } from '../open.ts';

/** Returns the stats of what a name leads to; undefined if there is nothing that may be seen. */
export function statOf(path: string): FileStats | undefined {
  try {
    return disk.stat(path);
  } catch {
    return undefined; // a loop of links, or a folder that this account may not enter
  }
}

/** Returns the stats of the name itself, which may be a link; undefined as for statOf. */
export function lstatOf(path: string): FileStats | undefined {
  try {
    return disk.lstat(path);
  } catch {
    return undefined;
  }
}

/** Returns the free space of the file system; undefined if the path cannot be reached. */
export function diskOf(path: string): FileSystemStats | undefined {
  try {
    return disk.statfs(path);
  } catch {
    return undefined;
  }
}

/** Reads a small file that is known to be regular. Throws system errors unchanged. */
export function readSmallFile(path: string): string {
  return disk.readFile(path).toString('latin1');
}

/** Reads a small text file. Throws a BackupError that names it. */
export function readTextFile(path: string): string {
  try {
    return disk.readFile(path).toString('utf8');
  } catch (error) {
    throw asBackupError(error, `cannot read ${path}`);
  }
}

export const isOpenToOthers = ({ mode }: FileStats): boolean => (mode & 0o007) !== 0;
export const isReadableByOthers = ({ mode }: FileStats): boolean => (mode & 0o004) !== 0;
export const isWritableByOthers = ({ mode }: FileStats): boolean => (mode & 0o002) !== 0;

/** Formats a mode as for chmod(1): `0640`. */
export function modeText({ mode }: FileStats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

export function kindText(stats: FileStats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isFile() ? 'a file' : 'a device';
}

/**
 * Opens what the name leads to for reading, and closes it again. Returns the reason if that is not
 * possible, or if it is no regular file; otherwise undefined. With `mayBeLink`, links are followed.
 */
export function whyUnreadable(path: string, { mayBeLink = false } = {}): string | undefined {
  try {
    disk.close(openRegular(mayBeLink ? disk.realpath(path) : path, 'read'));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Reports whether the account that started the process may read and write the file. */
export function mayUse(path: string): boolean {
  try {
    disk.access(path, R_OK | W_OK);
    return true;
  } catch {
    return false;
  }
}
