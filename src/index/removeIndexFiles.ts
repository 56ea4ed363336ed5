/** An index is up to four files: they go together. */
import { existsSync, unlinkSync } from 'node:fs';

/** Removes an index and SQLite's files beside it. */
export function removeIndexFiles(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) removeFile(path + suffix);
}

/** As rmSync with force, which looks three times at what is mostly not there. */
function removeFile(path: string): void {
  if (!existsSync(path)) return;
  try {
    unlinkSync(path);
  } catch (error) {
    if (existsSync(path)) throw error;
  }
}
