/** Keeping a file that cannot be read: under another name, so that a new one can take its place. */
import { lstatSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { asBackupError } from '../errors.ts';
import { syncFolder } from './folders.ts';

/** The name that the file would be kept under: with the time, and where that is taken the next free second. */
export function asideName(path: string): string {
  let time = Math.floor(Date.now() / 1000);
  while (lstatSync(`${path}.${time}`, { throwIfNoEntry: false }) !== undefined) time += 1;
  return `${path}.${time}`;
}

/** Renames the file, and returns its new name. Throws a BackupError. */
export function setAside(path: string): string {
  const aside = asideName(path);
  try {
    renameSync(path, aside);
    syncFolder(dirname(path));
    return aside;
  } catch (error) {
    throw asBackupError(error, `cannot set ${path} aside`);
  }
}
