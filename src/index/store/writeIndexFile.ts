/** Writes index files that no process has open. */
import { closeSync, fsync } from 'node:fs';
import { promisify } from 'node:util';
import { writeAllSync } from '../../fs/io.ts';
import { createExclusively } from '../../fs/open.ts';
import { removeIndexFiles } from './removeIndexFiles.ts';

const synced = promisify(fsync);

/**
 * Creates an empty file in place of whatever has the name. SQLite gives the files beside it the
 * same mode.
 */
export function makeEmpty(path: string): void {
  removeIndexFiles(path);
  closeSync(createExclusively(path));
}

/** Writes a database in place of whatever has the name. Resolves when it is on disk. */
export async function writeIndexFile(path: string, bytes: Buffer): Promise<void> {
  removeIndexFiles(path);
  const fd = createExclusively(path);
  try {
    writeAllSync(fd, bytes, 0);
    await synced(fd);
  } finally {
    closeSync(fd);
  }
}
