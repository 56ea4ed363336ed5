/** When a backup was last written to, from one row of its index, without a lock. */
import { statSync } from 'node:fs';
import { asBackupError } from '../errors.ts';
import { IndexFile } from '../index/indexFile.ts';
import { lastChunk } from '../index/queries.ts';
import { indexPath } from './options.ts';

export interface LastWritten {
  readonly sizeBytes: number;
  /** Unix seconds; null where nothing was ever written. */
  readonly lastTime: number | null;
}

/**
 * Where the index does not know the end of the data file (the originals', none, or one that is behind), the time is the
 * data file's own. Throws where the data file is not there.
 */
export function lastWritten(path: string): LastWritten {
  const { size, mtimeMs } = dataFile(path);
  if (size === 0) return { sizeBytes: 0, lastTime: null };
  const index = IndexFile.open(indexPath(path), 'read');
  try {
    const last = index === null ? undefined : lastChunk(index);
    const isKnown = last !== undefined && last.file_end === size;
    return { sizeBytes: size, lastTime: isKnown ? last.ts_end : Math.floor(mtimeMs / 1000) };
  } finally {
    index?.close();
  }
}

function dataFile(path: string): { size: number; mtimeMs: number } {
  try {
    return statSync(path);
  } catch (error) {
    throw asBackupError(error, path);
  }
}
