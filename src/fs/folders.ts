/**
 * Folders that survive a power cut. A new name is on disk only once the folder that holds it is synced, and that
 * goes for each new folder on the way, too.
 */
import { closeSync, constants, fstatSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { giveOwner } from './keepOwner.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** Folders whose own names this process has synced. */
const synced = new Set<string>();

/** Syncs the names in a folder. Throws what the system throws. */
export function syncFolder(path: string): void {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Creates a folder and all missing ones above it, mode 0700 unless said otherwise, and syncs the parent of each
 * that it created. As root, the new ones belong to the owner of the folder that they are in. The parent of a folder
 * that was there is synced once by each process: whoever created it may have died before its own sync. Throws what
 * the system throws.
 */
export function makeFolders(path: string, mode = 0o700): void {
  const last = resolve(path);
  const first = mkdirSync(last, { recursive: true, mode });
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

/** The parent of a partition need not be readable to the account that backupd runs as. */
function syncIfReadable(path: string): void {
  try {
    syncFolder(path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EACCES') throw error;
  }
}

/** By descriptors: what was made a moment ago may have been replaced by a link. */
function giveToOwnerOf(parent: string, folder: string): void {
  if (process.geteuid?.() !== 0) return;
  const above = openSync(parent, O_RDONLY | O_DIRECTORY);
  try {
    const fd = openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      giveOwner(fd, fstatSync(above));
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(above);
  }
}
