/**
 * Handles all files of an index together, up to four. Another account may be able to write to a
 * store's folders and put anything there under these names. So links are never followed, and FIFOs
 * are never opened.
 */
import { disk } from '../../fs/disk/current.ts';
import type { FileStats } from '../../fs/disk/disk.ts';
import { isSafeFile } from '../../fs/open.ts';

/** SQLite's files beside a database. SQLite opens each of them by its name. */
const COMPANIONS = ['-wal', '-shm', '-journal'] as const;

/**
 * Removes an index and SQLite's files beside it, whatever they are. A folder that is not empty is
 * renamed.
 */
export function removeIndexFiles(path: string): void {
  for (const suffix of ['', ...COMPANIONS]) removeFile(path + suffix);
}

function removeFile(path: string): void {
  const stats = lstatOrNull(path);
  if (stats === null) return;
  try {
    if (stats.isDirectory()) removeFolder(path);
    else disk.unlink(path);
  } catch (error) {
    if (lstatOrNull(path) !== null) throw error;
  }
}

/**
 * Removes an empty folder, and renames any other folder, because this project did not write its
 * content.
 */
function removeFolder(path: string): void {
  try {
    disk.rmdir(path);
  } catch {
    disk.rename(path, `${path}.found.${Date.now()}`);
  }
}

/** Reports whether an index file, or a link, a folder or the like, has this name. */
export function hasIndexFile(path: string): boolean {
  return lstatOrNull(path) !== null;
}

/**
 * Says what is wrong with the type of these files; returns null if each is a regular file or
 * missing.
 */
export function irregularIndexFile(path: string, access: 'read' | 'read-write'): string | null {
  for (const suffix of ['', ...COMPANIONS]) {
    const name = path + suffix;
    const stats = lstatOrNull(name);
    if (stats !== null && !isSafeFile(name, access)) return `${name} is ${kindOf(stats)}`;
  }
  return null;
}

function kindOf(stats: FileStats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link, which is not followed';
  if (stats.isDirectory()) return 'a folder';
  return stats.isFile() ? 'a link to a file that another account owns' : 'not a regular file';
}

function lstatOrNull(path: string): FileStats | null {
  return disk.lstat(path) ?? null;
}
