/**
 * Folders that survive a power cut. A new name is on disk only once the folder that holds it is synced, and that
 * goes for each new folder on the way, too.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Syncs the names in a folder. Throws what the system throws. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Creates a folder and all missing ones above it, mode 0700 unless said otherwise, and syncs the parent of each
 * that it created. Throws what the system throws.
 */
export function makeFolders(path: string, mode = 0o700): void {
  const first = mkdirSync(path, { recursive: true, mode });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    syncFolder(folder);
    if (folder === top || folder === dirname(folder)) return;
  }
}
