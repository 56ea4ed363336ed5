/**
 * Builds a new index. No other code uses the index before finishIndex() has resolved.
 *
 * - The index of a small backup is built in memory and written to its file when it is complete. The
 *   in-memory database and its prepared statements are reused for the next index.
 * - The index of a large backup is built directly in its file.
 */
import { disk } from '../fs/disk/current.ts';
import { openRegular } from '../fs/open.ts';
import { IndexFile } from '../index/store/indexFile.ts';
import { syncData } from '../fs/io.ts';

/** The largest data file whose index is built in memory. Such an index is small. */
const SMALL_BYTES = 1 << 20;
/**
 * The maximum number of prepared statements that an in-memory database may hold to be reused. A
 * query with a time in its text needs a new statement for each time.
 */
const MOST_STATEMENTS = 500;

/** The maximum number of in-memory databases that are kept for reuse. */
const MOST_FREE = 8;

const scratch: IndexFile[] = [];

/** Returns an empty index in memory. */
export function takeScratch(): IndexFile {
  return scratch.pop() ?? IndexFile.create(':memory:');
}

/** Returns an empty index for a data file of `dataBytes`. `path`: where the index file will be. */
export function beginIndex(path: string, dataBytes: number): IndexFile {
  return dataBytes > SMALL_BYTES ? IndexFile.create(path) : takeScratch();
}

/**
 * Syncs the part of the index file that is already written, so that finishIndex() takes less time.
 * Does nothing for an index in memory. Rejects with 'no-space' or 'io'.
 */
export async function syncIndex(index: IndexFile): Promise<void> {
  if (index.isScratch) return;
  // Closing a descriptor of a file drops SQLite's locks on that file. SQLite holds none here: no
  // transaction is open, and no other code uses the file.
  const fd = openRegular(index.path, 'read-write');
  try {
    await syncData(fd);
  } finally {
    disk.close(fd);
  }
}

/**
 * Completes the index, and resolves when it is on disk. Rejects with 'no-space' or 'io'; the caller
 * then removes the partly written file.
 */
export async function finishIndex(index: IndexFile, path: string): Promise<void> {
  if (index.isScratch) {
    await index.writeTo(path);
    return;
  }
  // finish() also syncs, but it blocks the thread. Syncing before it leaves little for it to do.
  await syncIndex(index);
  index.finish();
}

/**
 * Closes the index, or keeps a small in-memory database for reuse. After an error, the caller
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
