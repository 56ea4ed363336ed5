/** An index is up to four files: they go together. */
import { lstatSync, unlinkSync } from 'node:fs';

/** Removes an index and SQLite's files beside it. */
export function removeIndexFiles(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) removeFile(path + suffix);
}

/** As rmSync with force, which looks three times at what is mostly not there. */
function removeFile(path: string): void {
  if (!isThere(path)) return;
  try {
    unlinkSync(path);
  } catch (error) {
    if (isThere(path)) throw error;
  }
}

/** A link that leads nowhere is there, too. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
