/** Inode numbers: derived from what a thing is, so that they are the same after a remount, a reindex, a compaction. */
import { createHash } from 'node:crypto';

const MASK = (1n << 63n) - 1n;

/** 63 bits, never 0, from whatever tells the thing from all others. */
export function inodeOf(...identity: string[]): bigint {
  const digest = createHash('sha1').update(identity.join('\0')).digest();
  return childInode(digest.readBigUInt64BE(0), 0);
}

/** A message's: its folder's plus its UID, so that walking over a million hashes nothing. */
export function childInode(folder: bigint, uid: number): bigint {
  const inode = (folder + BigInt(uid)) & MASK;
  return inode === 0n ? 1n : inode;
}
