/**
 * Inflated blocks, bounded by their bytes. Since all is synchronous, a block is never loaded twice at a
 * time. What fails to load is not remembered.
 *
 * The memory of a block that has left is given to the next one: blocks that wait for the garbage collector took as much memory
 * again as those in the cache.
 */
import { LRUCache } from 'lru-cache';

export const DEFAULT_CACHE_BYTES = 32 * 1024 * 1024;

/** An entry's cost beside its bytes: the Buffer, its ArrayBuffer, the key and the list's links; roughly. */
const ENTRY_OVERHEAD_BYTES = 400;
const MAX_SPARE = 4;
const MIN_ROOM_BYTES = 32 * 1024;

/** The block, if somebody else has it; in `room` perhaps, as load's. */
export type Elsewhere = (key: string, room?: Buffer) => Buffer | undefined;

export class BlockCache {
  readonly #blocks: LRUCache<string, Buffer>;
  readonly #spare: Buffer[] = [];

  readonly #elsewhere: Elsewhere;

  /** `elsewhere` is asked before a block is loaded. */
  constructor(maxBytes: number = DEFAULT_CACHE_BYTES, elsewhere: Elsewhere = () => undefined) {
    this.#elsewhere = elsewhere;
    this.#blocks = new LRUCache<string, Buffer>({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: (block) => block.buffer.byteLength + ENTRY_OVERHEAD_BYTES,
      dispose: (block) => this.#keepRoom(block),
    });
  }

  /** The block is the caller's until the next call. */
  get(key: string, load: (room?: Buffer) => Buffer): Buffer {
    const cached = this.#blocks.get(key);
    if (cached !== undefined) return cached;
    const room = this.#spare.pop();
    const block = this.#elsewhere(key, room) ?? load(room);
    this.#blocks.set(key, block);
    return block;
  }

  get sizeBytes(): number {
    return this.#blocks.calculatedSize;
  }

  /** A small one may lie in memory that Node shares between many. */
  #keepRoom({ buffer }: Buffer): void {
    const isWorthIt = buffer.byteLength >= MIN_ROOM_BYTES && this.#spare.length < MAX_SPARE;
    if (isWorthIt) this.#spare.push(Buffer.from(buffer));
  }
}
