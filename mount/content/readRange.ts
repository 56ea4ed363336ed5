/** Reads from content that lies in blocks, copying each byte once: from its block to where it is wanted. */
import { BackupError } from '../../src/errors.ts';
import type { Content } from '../tree.ts';
import type { BlockCache } from './blockCache.ts';
import type { BeforeLoad } from './stored.ts';

/**
 * Fills `target` from `offset` on, and returns how much of it: less than its length only at the content's
 * end. A block that ends before its content does is damage, never a short read, which the kernel would take
 * for the end of the file. `needed`: whether blocks are wanted, and checked, whole; 'start' is for who checks what is read.
 */
export function readRange(
  content: Content,
  cache: BlockCache,
  offset: number,
  target: Buffer,
  needed: 'whole' | 'start' = 'whole',
  beforeLoad: BeforeLoad = () => undefined,
): number {
  const end = Math.min(offset + target.length, content.sizeBytes);
  let position = offset;
  while (position < end) {
    const { blockKey, offsetInBlock, stored, ...location } = content.at(position);
    const startBytes = offsetInBlock + end - position;
    const load = (room?: Buffer): Buffer => {
      if (stored !== undefined) beforeLoad(stored);
      return location.load(room);
    };
    const loadStart = (sizeBytes: number, room?: Buffer): Buffer => {
      if (stored !== undefined) beforeLoad(stored);
      return location.loadStart?.(sizeBytes, room) ?? location.load(room);
    };
    const get = (): Buffer =>
      needed === 'start' ? cache.getStart(blockKey, startBytes, loadStart, load) : cache.get(blockKey, load);
    const block = loaded(get, content.rescue !== undefined);
    const copied =
      block?.copy(target, position - offset, offsetInBlock, offsetInBlock + end - position) ??
      content.rescue?.(position, end - position).copy(target, position - offset) ??
      0;
    if (copied === 0) {
      throw new BackupError('damaged', `block ${blockKey} ends before its content`, { subject: blockKey });
    }
    position += copied;
  }
  return Math.max(0, position - offset);
}

/** null: it is damaged, and there may be another way to the bytes. */
function loaded(get: () => Buffer, hasOtherWay: boolean): Buffer | null {
  try {
    return get();
  } catch (error) {
    if (hasOtherWay && error instanceof BackupError && error.kind === 'damaged') return null;
    throw error;
  }
}
