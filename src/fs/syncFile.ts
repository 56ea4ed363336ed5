/** Syncs a file by its name. */
import { disk } from './disk/current.ts';
import { openRegular } from './open.ts';

/**
 * Syncs a regular file to disk. The process must neither hold a lock on the file nor have it open
 * as a database: closing a descriptor of it would drop the locks. Throws as openRegular does, and
 * system errors unchanged.
 */
export function syncFile(path: string): void {
  const fd = openRegular(path, 'read-write');
  try {
    disk.fsync(fd);
  } finally {
    disk.close(fd);
  }
}
