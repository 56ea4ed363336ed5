/**
 * The blocks that were inflated last, bounded by their bytes. Since all is synchronous, a block is never loaded twice at a time. What fails to
 * load is not remembered.
 *
 * It need not be large: the kernel keeps what it was given, so a block is asked for a few times within a moment and then not again. The memory of a
 * block that has left is given to the next one: to touch new memory may take as long as to inflate into it.
 */
import { LRUCache } from 'lru-cache';

const DEFAULT_CACHE_BYTES = 4 * 1024 * 1024;

/** An entry's cost beside its bytes: the Buffer, its ArrayBuffer, the key and the list's links; roughly. */
const ENTRY_OVERHEAD_BYTES = 400;
const MAX_SPARE = 4;
/** A smaller one may lie in memory that Node shares between many. */
const MIN_ROOM_BYTES = 32 * 1024;

/** As load, of the block's first so many bytes. */
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

  /** The block is the caller's until the next call. */
  get(key: string, load: Load): Buffer {
    const kept = this.#blocks.get(key);
    return kept?.isWhole === true ? kept.bytes : this.#load(key, true, load);
  }

  /**
   * At least the block's first bytes; see Location.loadStart. Who asks for more of a block than before is likely to do so once more: then
   * it is loaded whole.
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
    // Its room, if it has one, is the next one's.
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
