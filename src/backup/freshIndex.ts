/**
 * Builds a new index. No other code uses it before finishIndex() has resolved.
 *
 * - The index of a small backup is built in memory and written in one go when it is complete. The
 *   memory, with its prepared statements, is kept for the next one.
 * - The index of a large backup is built in its file.
 */
import { closeSync } from 'node:fs';
import { openRegular } from '../fs/open.ts';
import { IndexFile } from '../index/store/indexFile.ts';
import { syncData } from '../fs/io.ts';

/** The index of a data file up to this size fits in memory many times over. */
const SMALL_BYTES = 1 << 20;
/**
 * Limits the prepared statements that are kept: a query with a time in its text is a new statement
 * for each time.
 */
const MOST_STATEMENTS = 500;

/** How many indexes in memory are kept for reuse. */
const MOST_FREE = 8;

const scratch: IndexFile[] = [];

/** Returns an empty index in memory. */
export function takeScratch(): IndexFile {
  return scratch.pop() ?? IndexFile.create(':memory:');
}

/** Returns an empty index for a data file of `dataBytes`. `path`: where the index will be. */
export function beginIndex(path: string, dataBytes: number): IndexFile {
  return dataBytes > SMALL_BYTES ? IndexFile.create(path) : takeScratch();
}

/**
 * Syncs what the index's file holds so far, so that finishIndex() takes less time. Does nothing for
 * an index in memory. Rejects with 'no-space' or 'io'.
 */
export async function syncIndex(index: IndexFile): Promise<void> {
  if (index.isScratch) return;
  // Closing a descriptor drops the locks that SQLite holds on the file. It holds none here: no
  // transaction is open, and nobody else uses the file.
  const fd = openRegular(index.path, 'read-write');
  try {
    await syncData(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Resolves when the index is on disk. Rejects with 'no-space' or 'io'; the caller then removes what
 * was written.
 */
export async function finishIndex(index: IndexFile, path: string): Promise<void> {
  if (index.isScratch) {
    await index.writeTo(path);
    return;
  }
  // finish() syncs, too, but blocks. This sync leaves little for it to do.
  await syncIndex(index);
  index.finish();
}

/**
 * Closes the index. The memory of a small one is kept for the next. After an error, the caller
 * closes the index itself instead.
 */
export function giveBack(index: IndexFile, dataBytes: number): void {
  const isKept = index.isScratch && dataBytes <= SMALL_BYTES && index.statementCount <= MOST_STATEMENTS;
  if (scratch.length >= MOST_FREE || !isKept) {
    index.close();
    return;
  }
  index.clear();
  scratch.push(index);
}
