/**
 * Replaces a small file atomically. After a kill, a full disk or a power cut, the name leads to the
 * old content or to the new content, never to a part. Leftovers of a failed attempt do not block
 * the next one.
 */
import { dirname } from 'node:path';
import { asBackupError, BackupError, messageOf } from '../errors.ts';
import { disk } from './disk/current.ts';
import { syncFolder } from './folders.ts';
import { writeAllSync } from './io.ts';
import { giveOwner } from './keepOwner.ts';
import { lstatExisting, removeFile } from './names.ts';
import { createAnew } from './open.ts';

/**
 * Writes the bytes to the path and replaces an existing file. A link itself is replaced, not its
 * target. An existing file's mode and, as root, its owner are kept. A new file has mode 0600 and
 * the owner of its folder.
 *
 * File and folder are synced. The caller must exclude a second writer with its own lock. Throws a
 * BackupError that names the path.
 */
export function replaceFile(path: string, bytes: Uint8Array): void {
  replaceWith(path, `${path}.new`, (fd) => writeAllSync(fd, bytes, 0));
}

/** Replaces a file like replaceFile, but `write` writes the content to a temporary file first. */
export function replaceWith(path: string, temporary: string, write: (fd: number) => void): void {
  try {
    const fd = createAnew(temporary);
    try {
      write(fd);
      const old = disk.lstat(path);
      const isFile = old?.isFile() === true;
      giveOwner(fd, isFile ? old : lstatExisting(dirname(path)));
      if (isFile) disk.fchmod(fd, old.mode & 0o777);
      disk.fsync(fd);
    } finally {
      disk.close(fd);
    }
    disk.rename(temporary, path);
  } catch (error) {
    removeFile(temporary);
    throw asBackupError(error, `cannot write ${path}`);
  }
  try {
    syncFolder(dirname(path));
  } catch (error) {
    const text = `${path} was replaced, but may be the old one again after a power cut: ${messageOf(error)}`;
    throw new BackupError('io', text, { cause: error, subject: path });
  }
}
