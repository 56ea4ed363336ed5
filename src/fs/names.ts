/** Names that are missing: some callers ignore that, where the disk throws, or the reverse. */
import { join } from 'node:path';
import { disk } from './disk/current.ts';
import type { FileStats } from './disk/disk.ts';

/** Removes a file or a link; does nothing if there is none. Throws system errors unchanged. */
export function removeFile(path: string): void {
  try {
    disk.unlink(path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
  }
}

/** Removes a folder that holds files only. Throws system errors unchanged. */
export function removeFolder(path: string): void {
  for (const name of disk.readdir(path)) disk.unlink(join(path, name));
  disk.rmdir(path);
}

/** Like disk.lstat, but throws ENOENT if nothing has this name. */
export function lstatExisting(path: string): FileStats {
  return disk.lstat(path) ?? missing('lstat', path);
}

/** Like disk.stat, but throws ENOENT if nothing has this name. */
export function statExisting(path: string): FileStats {
  return disk.stat(path) ?? missing('stat', path);
}

function missing(syscall: string, path: string): never {
  const text = `ENOENT: no such file or directory, ${syscall} '${path}'`;
  throw Object.assign(new Error(text), { code: 'ENOENT', errno: -2, syscall, path });
}
