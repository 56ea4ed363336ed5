/**
 * Caches the most recently inflated blocks, up to a total size. Every operation is synchronous, so
 * a block is never loaded twice at the same time. A failed load is not cached.
 *
 * The cache can be small. The kernel caches what it has read, so it requests a block a few times in
 * quick succession and then not again. The memory of an evicted block is reused for the next block,
 * because touching new memory may take as long as inflating into it.
 */
import { LRUCache } from 'lru-cache';

const DEFAULT_CACHE_BYTES = 4 * 1024 * 1024;

/**
 * The approximate memory that an entry takes in addition to its bytes: the Buffer, its ArrayBuffer,
 * the key and the links of the LRU list.
 */
const ENTRY_OVERHEAD_BYTES = 400;
const MAX_SPARE = 4;
/**
 * The memory of smaller blocks is not reused, because Node may place several small Buffers in the
 * same memory.
 */
const MIN_ROOM_BYTES = 32 * 1024;

/** Like `Load`, but loads only the first bytes of the block. */
type LoadStart = (sizeBytes: number, room?: Buffer) => Buffer;
type Load = (room?: Buffer) => Buffer;

interface Kept {
  readonly bytes: Buffer;
  readonly isWhole: boolean;
}

export class BlockCache {
  readonly #blocks: LRUCache<string, Kept>;
  readonly #spare: Buffer[] = [];

  constructor(maxBytes: number = DEFAULT_CACHE_BYTES) {
    this.#blocks = new LRUCache<string, Kept>({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: ({ bytes }) => bytes.buffer.byteLength + ENTRY_OVERHEAD_BYTES,
      dispose: ({ bytes }) => this.#keepRoom(bytes),
    });
  }

  /** Returns a block. The caller may use it until the next call. */
  get(key: string, load: Load): Buffer {
    const kept = this.#blocks.get(key);
    return kept?.isWhole === true ? kept.bytes : this.#load(key, true, load);
  }

  /**
   * Returns the first bytes of the block, or more (see Location.loadStart). If a caller asks for
   * more of a block than before, it is likely to do so again, so the whole block is loaded.
   */
  getStart(key: string, sizeBytes: number, loadStart: LoadStart, load: Load): Buffer {
    const kept = this.#blocks.get(key);
    if (kept === undefined) return this.#load(key, false, (room) => loadStart(sizeBytes, room));
    return kept.isWhole || kept.bytes.length >= sizeBytes ? kept.bytes : this.#load(key, true, load);
  }

  get sizeBytes(): number {
    return this.#blocks.calculatedSize;
  }

  #load(key: string, isWhole: boolean, load: Load): Buffer {
    // Deleting the old entry first makes its memory available for the new block.
    this.#blocks.delete(key);
    const bytes = load(this.#spare.pop());
    this.#blocks.set(key, { bytes, isWhole });
    return bytes;
  }

  #keepRoom({ buffer }: Buffer): void {
    const isWorthIt = buffer.byteLength >= MIN_ROOM_BYTES && this.#spare.length < MAX_SPARE;
    if (isWorthIt) this.#spare.push(Buffer.from(buffer));
  }
}
