/**
 * Gives files that root's commands create to the account that owns the store, because backupd runs
 * as that account. Owners are set by descriptor, never by name: a name may have become a link in
 * the meantime.
 */
import { disk } from './disk/current.ts';
import { openRegular } from './open.ts';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** As root, gives an open file to an owner. Does nothing for any other account. */
export function giveOwner(fd: number, { uid, gid }: Owner): void {
  if (process.geteuid?.() === 0) disk.fchown(fd, uid, gid);
}

/**
 * As root, gives the named file to the owner of an open file. Throws 'damaged' for a link.
 *
 * The process must neither hold a lock on the named file nor have it open as a database. This
 * function opens and closes the file, which would drop the locks.
 */
export function keepOwner(path: string, likeFd: number): void {
  if (process.geteuid?.() !== 0) return;
  const fd = openRegular(path, 'read-write');
  try {
    giveOwner(fd, disk.fstat(likeFd));
  } finally {
    disk.close(fd);
  }
}
