/** A file that root puts in place of another stays the user's whose the other was: a backupd runs as that user. */
import { chownSync, fstatSync } from 'node:fs';

/** `fd`: of the file whose owner it is to have. */
export function keepOwner(path: string, fd: number): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = fstatSync(fd);
  chownSync(path, uid, gid);
}
