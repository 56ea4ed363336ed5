/**
 * Replacing a small file as a whole: after a kill, a full disk or a power cut the name leads to the old content or
 * to the new, never to a part, and nothing that was left behind stands in the way of the next attempt.
 */
import { closeSync, fchmodSync, fsyncSync, lstatSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { asBackupError } from '../errors.ts';
import { syncFolder } from './folders.ts';
import { giveOwner } from './keepOwner.ts';
import { createExclusively } from './open.ts';

/** Writes all of the bytes at a position, however many calls that takes. Throws what the system throws. */
function writeAllSync(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

interface ReplaceOptions {
  /** Where the new content is written first; the path and `.new` unless said otherwise. */
  readonly temporary?: string;
}

/**
 * Puts these bytes in place of whatever the path names (a link itself, not its target), keeping the mode and, as
 * root, the owner of the file that was there; a new file has mode 0600 and the owner of its folder. Synced, file
 * and folder. The caller excludes a second writer by a lock of its own. Throws a BackupError that names the path.
 */
export function replaceFile(path: string, bytes: Uint8Array, options: ReplaceOptions = {}): void {
  const temporary = options.temporary ?? `${path}.new`;
  try {
    rmSync(temporary, { force: true });
    const fd = createExclusively(temporary);
    try {
      writeAllSync(fd, bytes, 0);
      const old = lstatSync(path, { throwIfNoEntry: false });
      const isFile = old?.isFile() === true;
      if (old !== undefined && isFile) fchmodSync(fd, old.mode & 0o777);
      giveOwner(fd, old !== undefined && isFile ? old : lstatSync(dirname(path)));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw asBackupError(error, `cannot write ${path}`);
  }
}
