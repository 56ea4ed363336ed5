/**
 * Creates and syncs folders so that they survive a power cut. A new name is on disk only after its
 * parent folder is synced. That applies to every new folder along the path.
 */
import { dirname, resolve } from 'node:path';
import { disk } from './disk/current.ts';
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from './disk/openFlags.ts';
import { giveOwner } from './keepOwner.ts';

/** Folders whose own names this process has already synced. */
const synced = new Set<string>();

/** Syncs the names in a folder. Throws system errors unchanged. */
export function syncFolder(path: string): void {
  const fd = disk.open(path, O_RDONLY | O_DIRECTORY);
  try {
    disk.fsync(fd);
  } finally {
    disk.close(fd);
  }
}

/**
 * Creates a folder and all missing parents, with mode 0700 by default, and syncs the parent of each
 * new folder. As root, gives each new folder to the owner of its parent.
 *
 * If the folder already existed, its parent is synced once per process: its creator may have died
 * before its own sync. Throws system errors unchanged.
 */
export function makeFolders(path: string, mode = 0o700): void {
  const last = resolve(path);
  const first = disk.mkdirs(last, mode);
  if (first === undefined && synced.has(last)) return;
  const top = resolve(first ?? last);
  const made: string[] = [];
  for (let folder = last; ; folder = dirname(folder)) {
    made.unshift(folder);
    if (folder === top || folder === dirname(folder)) break;
  }
  for (const folder of made) {
    if (first === undefined) syncIfReadable(dirname(folder));
    else {
      giveToOwnerOf(dirname(folder), folder);
      syncFolder(dirname(folder));
    }
  }
  synced.add(last);
}

/**
 * Syncs a folder if it is readable. backupd's account may lack the right to read a partition's
 * parent.
 */
function syncIfReadable(path: string): void {
  try {
    syncFolder(path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EACCES') throw error;
  }
}

/**
 * Gives a new folder to the owner of its parent. Works by descriptor, because the folder may have
 * been replaced by a link in the meantime.
 */
function giveToOwnerOf(parent: string, folder: string): void {
  if (process.geteuid?.() !== 0) return;
  const above = disk.open(parent, O_RDONLY | O_DIRECTORY);
  try {
    const fd = disk.open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      giveOwner(fd, disk.fstat(above));
    } finally {
      disk.close(fd);
    }
  } finally {
    disk.close(above);
  }
}
