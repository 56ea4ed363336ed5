/**
 * Computes inode numbers. They derive from an item's identity, so a remount, a reindex or a
 * compaction does not change them.
 */
import { createHash } from 'node:crypto';

const MASK = (1n << 63n) - 1n;

/** Returns a 63-bit number, never 0. The identity must distinguish the item from all others. */
export function inodeOf(...identity: string[]): bigint {
  const digest = createHash('sha1').update(identity.join('\0')).digest();
  return childInode(digest.readBigUInt64BE(0), 0);
}

/**
 * Returns a message's inode: the folder's inode plus the UID. Listing a million messages therefore
 * needs no hashing.
 */
export function childInode(folder: bigint, uid: number): bigint {
  const inode = (folder + BigInt(uid)) & MASK;
  return inode === 0n ? 1n : inode;
}
