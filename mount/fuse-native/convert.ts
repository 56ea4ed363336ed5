/** Converts file system statistics (statfs) to a form that fuse-native passes on without loss. */
import type { TreeStatistics } from '../vfs/tree.ts';
import { NAME_MAX_BYTES } from '../vfs/filesystem.ts';
import type { Statfs } from './binding.ts';

const UINT32_MAX = 0xffffffff;

/**
 * Returns the statistics for statfs. The binding cuts counts to 32 bits, so the block size is
 * doubled until the block count fits.
 */
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
