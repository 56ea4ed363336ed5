/**
 * A command run by root leaves every file to the account that owns the store: backupd runs as that account. Owners
 * are set by descriptor, never by name: a name may have become a link to something else meanwhile.
 */
import { closeSync, fchownSync, fstatSync } from 'node:fs';
import { openRegular } from './open.ts';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** As root, gives an open file to an owner; does nothing for anybody else. */
export function giveOwner(fd: number, { uid, gid }: Owner): void {
  if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
}

/**
 * As root, gives the file of this name to the owner of an open file. Throws 'damaged' for a link. The file must not
 * be one that this process holds a lock on or has open as a database: closing it here would drop the lock.
 */
export function keepOwner(path: string, likeFd: number): void {
  if (process.geteuid?.() !== 0) return;
  const fd = openRegular(path, 'read-write');
  try {
    giveOwner(fd, fstatSync(likeFd));
  } finally {
    closeSync(fd);
  }
}
