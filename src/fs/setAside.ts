/** Keeps an unreadable file under another name, so that a new one can take its place. */
import { dirname } from 'node:path';
import { asBackupError } from '../errors.ts';
import { disk } from './disk/current.ts';
import { syncFolder } from './folders.ts';

/**
 * Returns the name to keep the file under: the path with the current unix time, or with the next
 * later second if that name is taken.
 */
export function asideName(path: string): string {
  let time = Math.floor(Date.now() / 1000);
  while (disk.lstat(`${path}.${time}`) !== undefined) time += 1;
  return `${path}.${time}`;
}

/** Renames the file and returns its new name. Throws a BackupError. */
export function setAside(path: string): string {
  const aside = asideName(path);
  try {
    disk.rename(path, aside);
    syncFolder(dirname(path));
    return aside;
  } catch (error) {
    throw asBackupError(error, `cannot set ${path} aside`);
  }
}
