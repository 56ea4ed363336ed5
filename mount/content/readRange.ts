/** Reads from content that lies in blocks, copying each byte once: from its block to where it is wanted. */
import { BackupError } from '../../src/errors.ts';
import type { Content } from '../tree.ts';
import type { BlockCache } from './blockCache.ts';

/**
 * Fills `target` from `offset` on, and returns how much of it: less than its length only at the content's
 * end. A block that ends before its content does is damage, never a short read, which the kernel would take
 * for the end of the file.
 */
export function readRange(content: Content, cache: BlockCache, offset: number, target: Buffer): number {
  const end = Math.min(offset + target.length, content.sizeBytes);
  let position = offset;
  while (position < end) {
    const { blockKey, offsetInBlock, load } = content.at(position);
    const block = cache.get(blockKey, load);
    const copied = block.copy(target, position - offset, offsetInBlock, offsetInBlock + end - position);
    if (copied === 0) {
      throw new BackupError('damaged', `block ${blockKey} ends before its content`, { subject: blockKey });
    }
    position += copied;
  }
  return Math.max(0, position - offset);
}
