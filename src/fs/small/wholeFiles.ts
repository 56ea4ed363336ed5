/** Small files and folders as a whole. Links are not followed in the last part of a path. */
import { dirname } from 'node:path';
import { asBackupError } from '../../errors.ts';
import { disk } from '../disk/current.ts';
import { syncFolder } from '../folders.ts';
import { openRegular } from '../open.ts';

/** Returns a file's content. Throws as openRegular does. */
export function readRegular(path: string): Buffer {
  const fd = openRegular(path, 'read');
  try {
    return disk.readFile(fd);
  } catch (error) {
    throw asBackupError(error, path);
  } finally {
    disk.close(fd);
  }
}

/** Returns the names in a folder, sorted; none if there is no such folder. */
export function namesIn(path: string): string[] {
  try {
    return disk.readdir(path).toSorted();
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return [];
    throw asBackupError(error, path);
  }
}

/** Gives a file another name in the same folder, and syncs the folder. */
export function renameDurably(from: string, to: string): void {
  try {
    disk.rename(from, to);
    syncFolder(dirname(to));
  } catch (error) {
    throw asBackupError(error, to);
  }
}
