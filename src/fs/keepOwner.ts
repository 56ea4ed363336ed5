/**
 * A command run by root leaves every file to the account that owns the store: backupd runs as that account. Owners
 * are set by descriptor, never by name: a name may have become a link to something else meanwhile.
 */
import { fchownSync, fstatSync, lchownSync } from 'node:fs';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** As root, gives an open file to an owner; does nothing for anybody else. */
export function giveOwner(fd: number, { uid, gid }: Owner): void {
  if (process.getuid?.() === 0) fchownSync(fd, uid, gid);
}

/** As root, gives the file of this name, but not what a link there leads to, to the owner of an open file. */
export function keepOwner(path: string, likeFd: number): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = fstatSync(likeFd);
  lchownSync(path, uid, gid);
}
