/** The core's attributes in the shapes that fuse-native passes on without loss. */
import type { Attributes, TreeStatistics } from '../../tree.ts';
import { NAME_MAX_BYTES } from '../../filesystem.ts';
import type { Stat, Statfs } from './binding.ts';

const FILE_TYPE: Record<Attributes['kind'], number> = { folder: 0o040000, file: 0o100000, link: 0o120000 };
const UINT32_MAX = 0xffffffff;

/** Times before 1970 would arrive as the year 584 million. */
export function statOf(attributes: Attributes): Stat {
  const { sizeBytes, nlink, uid, gid } = attributes;
  const mtime = Math.max(0, Math.floor(attributes.mtimeMs));
  const ctime = Math.max(0, Math.floor(attributes.ctimeMs));
  const mode = FILE_TYPE[attributes.kind] | attributes.mode;
  const blocks = Math.ceil(sizeBytes / 512);
  const ino = foldInode(attributes.inode);
  return { mode, uid, gid, size: sizeBytes, nlink, ino, blocks, blksize: 4096, atime: mtime, mtime, ctime };
}

/** The binding cuts inode numbers to 32 bits; folded they stay steady, and two hardly ever meet. */
export function foldInode(inode: bigint): number {
  const folded = Number((inode ^ (inode >> 32n)) & 0xffffffffn);
  return folded === 0 ? 1 : folded;
}

/** The binding cuts counts to 32 bits, so the unit grows until they fit. */
export function statfsOf({ blockBytes, blocks, files }: TreeStatistics): Statfs {
  let unitBytes = blockBytes;
  let count = blocks;
  while (count > UINT32_MAX) {
    unitBytes *= 2;
    count = Math.ceil(count / 2);
  }
  const names = { namemax: NAME_MAX_BYTES, files: Math.min(files, UINT32_MAX) };
  return { bsize: unitBytes, frsize: unitBytes, blocks: count, ...names };
}
