/**
 * Inode numbers. They are derived from an item's identity, so they survive remounts, reindexing and
 * compaction.
 */
import { createHash } from 'node:crypto';

const MASK = (1n << 63n) - 1n;

/** Returns 63 bits, never 0, from whatever distinguishes the item from all others. */
export function inodeOf(...identity: string[]): bigint {
  const digest = createHash('sha1').update(identity.join('\0')).digest();
  return childInode(digest.readBigUInt64BE(0), 0);
}

/**
 * Returns a message's inode: its folder's plus its UID. Listing a million messages hashes nothing.
 */
export function childInode(folder: bigint, uid: number): bigint {
  const inode = (folder + BigInt(uid)) & MASK;
  return inode === 0n ? 1n : inode;
}
