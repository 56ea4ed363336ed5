/**
 * An index is up to four files: they go together. Folders of a store may be writable by another account than ours, so
 * what has one of these names need not be a file: a link is never followed, and a FIFO never opened.
 */
import { lstatSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { isSafeFile } from '../../fs/open.ts';

/** SQLite's files beside a database: it opens each of them by its name. */
const COMPANIONS = ['-wal', '-shm', '-journal'] as const;

/** Removes an index and SQLite's files beside it, whatever they are. A folder that is not empty is renamed. */
export function removeIndexFiles(path: string): void {
  for (const suffix of ['', ...COMPANIONS]) removeFile(path + suffix);
}

function removeFile(path: string): void {
  const stats = lstatOrNull(path);
  if (stats === null) return;
  try {
    if (stats.isDirectory()) removeFolder(path);
    else unlinkSync(path);
  } catch (error) {
    if (lstatOrNull(path) !== null) throw error;
  }
}

/** Nothing that we did not write is deleted. */
function removeFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    renameSync(path, `${path}.found.${Date.now()}`);
  }
}

/** Reports whether there is an index file or a link, a folder or the like in its place. */
export function hasIndexFile(path: string): boolean {
  return lstatOrNull(path) !== null;
}

/** What is wrong with the kind of these files, in words; null where each is a regular file or missing. */
export function irregularIndexFile(path: string, access: 'read' | 'read-write'): string | null {
  for (const suffix of ['', ...COMPANIONS]) {
    const name = path + suffix;
    const stats = lstatOrNull(name);
    if (stats !== null && !isSafeFile(name, access)) return `${name} is ${kindOf(stats)}`;
  }
  return null;
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link, which is not followed';
  if (stats.isDirectory()) return 'a folder';
  return stats.isFile() ? 'a link to a file that another account owns' : 'not a regular file';
}

function lstatOrNull(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null;
}
