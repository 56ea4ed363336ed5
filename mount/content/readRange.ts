/**
 * Reads from content that is stored in blocks. Each byte is copied only once, from its block
 * directly to the target.
 */
import { BackupError } from '../../src/errors.ts';
import type { Content, Location } from '../vfs/tree.ts';
import type { BlockCache } from './blockCache.ts';
import type { BeforeLoad } from './stored.ts';

/**
 * Copies from a block that another thread has inflated, starting at an offset in the block, until
 * the block or the target ends. Returns the number of bytes, or 0 if no thread has the block.
 */
export type CopyElsewhere = (blockKey: string, offsetInBlock: number, target: Buffer) => number;

export interface BlockSources {
  readonly cache: BlockCache;
  /** Called before a block is loaded, to copy from another thread's block instead. */
  readonly elsewhere?: CopyElsewhere | undefined;
  readonly beforeLoad?: BeforeLoad | undefined;
}

/**
 * Reads from `offset` into `target` and returns the number of bytes. The result is shorter than
 * `target` only at the content's end. If a block ends before its content, the block is damaged, and
 * an error is thrown. A short read would make the kernel assume the end of the file. `needed` says
 * whether whole blocks are loaded and checked; callers that verify the result pass 'start'.
 */
export function readRange(
  content: Content,
  sources: BlockSources,
  offset: number,
  target: Buffer,
  needed: 'whole' | 'start' = 'whole',
): number {
  const end = Math.min(offset + target.length, content.sizeBytes);
  let position = offset;
  while (position < end) {
    const location = content.at(position);
    const { blockKey, offsetInBlock } = location;
    const wanted = target.subarray(position - offset, end - offset);
    const copied =
      sources.elsewhere?.(blockKey, offsetInBlock, wanted) ||
      copyHere(content, location, sources, position, wanted, needed);
    if (copied === 0) {
      throw new BackupError('damaged', `block ${blockKey} ends before its content`, { subject: blockKey });
    }
    position += copied;
  }
  return Math.max(0, position - offset);
}

/** Copies the content at `position` from a block in this thread and returns the number of bytes. */
function copyHere(
  content: Content,
  location: Location,
  sources: BlockSources,
  position: number,
  target: Buffer,
  needed: 'whole' | 'start',
): number {
  const { offsetInBlock } = location;
  const hasOtherWay = content.rescue !== undefined;
  const block = blockOf(location, sources, offsetInBlock + target.length, needed, hasOtherWay);
  if (block !== null) return block.copy(target, 0, offsetInBlock);
  return content.rescue?.(position, target.length).copy(target) ?? 0;
}

/**
 * Loads a block. Returns null if the block is damaged but the content can be read in another way.
 */
function blockOf(
  { blockKey, stored, load, loadStart }: Location,
  { cache, beforeLoad }: BlockSources,
  startBytes: number,
  needed: 'whole' | 'start',
  hasOtherWay: boolean,
): Buffer | null {
  const prepare = (): void => {
    if (stored !== undefined) beforeLoad?.(stored);
  };
  const loadWhole = (room?: Buffer): Buffer => {
    prepare();
    return load(room);
  };
  try {
    if (needed === 'whole' || loadStart === undefined) return cache.get(blockKey, loadWhole);
    const loadSome = (sizeBytes: number, room?: Buffer): Buffer => {
      prepare();
      return loadStart(sizeBytes, room);
    };
    return cache.getStart(blockKey, startBytes, loadSome, loadWhole);
  } catch (error) {
    if (hasOtherWay && error instanceof BackupError && error.kind === 'damaged') return null;
    throw error;
  }
}
