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
const KEPT_STARTS = 4;
const MAX_START_BYTES = 128 * 1024;

/** The block, if somebody else has it; in `room` perhaps, as load's. */
export type Elsewhere = (key: string, room?: Buffer) => Buffer | undefined;

export class BlockCache {
  readonly #blocks: LRUCache<string, Buffer>;
  readonly #spare: Buffer[] = [];
  /** The last few of which only the start was wanted; their memory is used over and over. */
  readonly #starts: { key: string; bytes: Buffer }[] = [];
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

  /**
   * At least the block's first bytes; see Location.loadStart. Who asks for a block again is likely to do so once more: then it is
   * loaded whole.
   */
  getStart(
    key: string,
    sizeBytes: number,
    loadStart: (sizeBytes: number, room?: Buffer) => Buffer,
    load: (room?: Buffer) => Buffer,
  ): Buffer {
    const cached = this.#blocks.get(key);
    if (cached !== undefined) return cached;
    const isKnown = this.#starts.some((start) => start.key === key);
    if (isKnown || sizeBytes > MAX_START_BYTES) return this.get(key, load);
    const other = this.#elsewhere(key);
    if (other !== undefined) {
      this.#blocks.set(key, other);
      return other;
    }
    const oldest = this.#starts.length < KEPT_STARTS ? undefined : this.#starts.shift();
    const room = oldest?.bytes ?? Buffer.allocUnsafeSlow(MAX_START_BYTES);
    const start = { key: '', bytes: room };
    this.#starts.push(start);
    const bytes = loadStart(sizeBytes, room);
    start.key = key;
    return bytes;
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
