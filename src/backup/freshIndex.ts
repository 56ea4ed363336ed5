/**
 * An index that is being made anew. That of a small backup is made in memory, which is kept for the next one with all its statements, and
 * written in one go when it is whole; a large one is made in its file. Either way it is nobody's before finishIndex() has resolved.
 */
import { closeSync } from 'node:fs';
import { openRegular } from '../fs/open.ts';
import { IndexFile } from '../index/indexFile.ts';
import { syncData } from '../fs/io.ts';

/** Data files up to this have an index that fits in memory many times over. */
const SMALL_BYTES = 1 << 20;
/** What is asked with a time in it is another statement for each time. */
const MOST_STATEMENTS = 500;

/** So many wait to be used again. */
const MOST_FREE = 8;

const scratch: IndexFile[] = [];

/** An empty one in memory. */
export function takeScratch(): IndexFile {
  return scratch.pop() ?? IndexFile.create(':memory:');
}

/** To be filled from a data file of so many bytes. `path`: where it is to be. */
export function beginIndex(path: string, dataBytes: number): IndexFile {
  return dataBytes > SMALL_BYTES ? IndexFile.create(path) : takeScratch();
}

/** Brings to the disk what is in it so far, where it is in a file: then finishIndex takes less time. Rejects with 'no-space' or 'io'. */
export async function syncIndex(index: IndexFile): Promise<void> {
  if (index.isScratch) return;
  // Closing a descriptor drops the locks that SQLite has on the file: between transactions, on what nobody else uses, it has none.
  const fd = openRegular(index.path, 'read-write');
  try {
    await syncData(fd);
  } finally {
    closeSync(fd);
  }
}

/** Resolves when it is on disk. Rejects with 'no-space' or 'io'; what is there then is the caller's to remove. */
export async function finishIndex(index: IndexFile, path: string): Promise<void> {
  if (index.isScratch) {
    await index.writeTo(path);
    return;
  }
  // finish() syncs, too, and blocks: little is left for it.
  await syncIndex(index);
  index.finish();
}

/** Closes it; of one that was small the memory is kept for the next. One that something has gone wrong with is closed instead. */
export function giveBack(index: IndexFile, dataBytes: number): void {
  const isKept = index.isScratch && dataBytes <= SMALL_BYTES && index.statementCount <= MOST_STATEMENTS;
  if (scratch.length >= MOST_FREE || !isKept) {
    index.close();
    return;
  }
  index.clear();
  scratch.push(index);
}
