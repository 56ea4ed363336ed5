/** Syncing a file by its name. */
import { closeSync, fsyncSync } from 'node:fs';
import { openRegular } from './open.ts';

/**
 * Brings a regular file to the disk. Not for one that this process holds a lock on or has open as a database: closing a
 * descriptor of it would drop the locks. Throws what openRegular and the system throw.
 */
export function syncFile(path: string): void {
  const fd = openRegular(path, 'read-write');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
