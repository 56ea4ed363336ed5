/**
 * Inflated blocks, bounded by their bytes. Since all is synchronous, a block is never loaded twice at a
 * time. What fails to load is not remembered.
 */
import { LRUCache } from 'lru-cache';

export const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

/** An entry's cost beside its bytes: the Buffer, its ArrayBuffer, the key and the list's links; roughly. */
const ENTRY_OVERHEAD_BYTES = 400;

export class BlockCache {
  readonly #blocks: LRUCache<string, Buffer>;

  constructor(maxBytes: number = DEFAULT_CACHE_BYTES) {
    this.#blocks = new LRUCache<string, Buffer>({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: (block) => block.length + ENTRY_OVERHEAD_BYTES,
    });
  }

  get(key: string, load: () => Buffer): Buffer {
    const cached = this.#blocks.get(key);
    if (cached !== undefined) return cached;
    const block = load();
    this.#blocks.set(key, block);
    return block;
  }

  get sizeBytes(): number {
    return this.#blocks.calculatedSize;
  }
}
