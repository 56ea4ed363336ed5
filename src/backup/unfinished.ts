/** The end of a file that is written beside a backup, to be renamed into place. */
import type { LockedFile } from '../fs/lockedFile.ts';
import { removeFile } from '../fs/names.ts';
import { removeIndexFiles } from '../index/store/removeIndexFiles.ts';
import { indexPath } from './options.ts';

/**
 * Releases the file. Removes it and its index if it still has its temporary name, which means that
 * it was not renamed into place.
 */
export function releaseUnfinished(target: LockedFile): void {
  try {
    if (!target.isCurrent()) return;
    removeFile(target.path);
    removeIndexFiles(indexPath(target.path));
  } finally {
    target.release();
  }
}
