/** Writes index files that no process has open. */
import { disk } from '../../fs/disk/current.ts';
import { writeAllSync } from '../../fs/io.ts';
import { createExclusively } from '../../fs/open.ts';
import { removeIndexFiles } from './removeIndexFiles.ts';

/**
 * Creates an empty file and replaces any file of this name. SQLite gives its own files beside the
 * database the same mode.
 */
export function makeEmpty(path: string): void {
  removeIndexFiles(path);
  disk.close(createExclusively(path));
}

/** Writes a database and replaces any file of this name. Resolves when the database is on disk. */
export async function writeIndexFile(path: string, bytes: Buffer): Promise<void> {
  removeIndexFiles(path);
  const fd = createExclusively(path);
  try {
    writeAllSync(fd, bytes, 0);
    await disk.fsyncAsync(fd);
  } finally {
    disk.close(fd);
  }
}
