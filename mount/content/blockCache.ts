/**
 * Inflated blocks. Since all is synchronous, a block is never loaded twice at a time. What fails to load is not remembered.
 *
 * The kernel keeps what it was given, so most blocks are asked for a few times within a moment and then never again. These pass through the
 * memory of the few that were asked for last, which is used over and over: memory that is touched for the first time costs more than
 * what is written there. A block that is asked for when it has left there is one that is wanted again and again: that is kept, within a bound of bytes.
 */
import { LRUCache } from 'lru-cache';

export const DEFAULT_CACHE_BYTES = 32 * 1024 * 1024;

/** An entry's cost beside its bytes: the Buffer, its ArrayBuffer, the key and the list's links; roughly. */
const ENTRY_OVERHEAD_BYTES = 400;
const RECENT_BLOCKS = 8;
/** Of the blocks that have left, those of which it is still known that they were here. */
const KNOWN_BLOCKS = 512;
const MAX_SPARE = 4;
/** A smaller one may lie in memory that Node shares between many. */
const MIN_ROOM_BYTES = 32 * 1024;
/** What is longer does not take memory for good only because it was read once. */
const MAX_ROOM_BYTES = 512 * 1024;
/** The longest block that we write, and the byte behind it that shows that there is no more. */
const FIRST_ROOM_BYTES = 160 * 1024;

interface Recent {
  key: string;
  bytes: Buffer;
  isWhole: boolean;
}

/** As load, of the block's first so many bytes. */
type LoadStart = (sizeBytes: number, room?: Buffer) => Buffer;
type Load = (room?: Buffer) => Buffer;

export class BlockCache {
  readonly #kept: LRUCache<string, Buffer>;
  /** Rooms of those that were kept. */
  readonly #spare: Buffer[] = [];
  /** The one that was asked for last is the last. */
  readonly #recent: Recent[] = [];
  readonly #known = new LRUCache<string, true>({ max: KNOWN_BLOCKS });

  /** `maxBytes`: of the blocks that are kept. */
  constructor(maxBytes: number = DEFAULT_CACHE_BYTES) {
    this.#kept = new LRUCache<string, Buffer>({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: (block) => block.buffer.byteLength + ENTRY_OVERHEAD_BYTES,
      dispose: (block) => {
        if (isRoom(block) && this.#spare.length < MAX_SPARE) this.#spare.push(Buffer.from(block.buffer));
      },
    });
  }

  /** The block is the caller's until the next call. */
  get(key: string, load: Load): Buffer {
    return this.#find(key, Infinity) ?? this.#load(key, true, load);
  }

  /**
   * At least the block's first bytes; see Location.loadStart. Who asks for more of a block than before is likely to do so once more: then
   * it is loaded whole.
   */
  getStart(key: string, sizeBytes: number, loadStart: LoadStart, load: Load): Buffer {
    const found = this.#find(key, sizeBytes);
    if (found !== undefined) return found;
    const isFirst = !this.#known.has(key) && !this.#recent.some((recent) => recent.key === key);
    return isFirst
      ? this.#load(key, false, (room) => loadStart(sizeBytes, room))
      : this.#load(key, true, load);
  }

  /** Of the blocks that are kept. */
  get sizeBytes(): number {
    return this.#kept.calculatedSize;
  }

  #find(key: string, sizeBytes: number): Buffer | undefined {
    const at = this.#recent.findLastIndex((recent) => recent.key === key);
    const recent = this.#recent[at];
    if (recent === undefined) return this.#kept.get(key);
    if (!recent.isWhole && recent.bytes.length < sizeBytes) return undefined;
    if (at < this.#recent.length - 1) this.#recent.push(...this.#recent.splice(at, 1));
    return recent.bytes;
  }

  #load(key: string, isWhole: boolean, load: Load): Buffer {
    if (this.#known.delete(key)) {
      const block = load(this.#spare.pop());
      this.#kept.set(key, block);
      return block;
    }
    const recent = this.#takeOldest(key);
    const bytes = load(recent.bytes);
    this.#recent.push({ key, bytes, isWhole });
    return bytes;
  }

  /** Its `bytes` are the room for another: of the same block, if that is there, else of the one that was not asked for longest. */
  #takeOldest(key: string): { readonly bytes: Buffer } {
    const same = this.#recent.findIndex((recent) => recent.key === key);
    if (same < 0 && this.#recent.length < RECENT_BLOCKS) return { bytes: roomOf(FIRST_ROOM_BYTES) };
    const [oldest] = this.#recent.splice(Math.max(same, 0), 1);
    if (oldest === undefined) return { bytes: roomOf(FIRST_ROOM_BYTES) };
    if (oldest.key !== key) this.#known.set(oldest.key, true);
    return { bytes: isRoom(oldest.bytes) ? Buffer.from(oldest.bytes.buffer) : roomOf(FIRST_ROOM_BYTES) };
  }
}

function roomOf(sizeBytes: number): Buffer {
  return Buffer.allocUnsafeSlow(sizeBytes);
}

function isRoom({ buffer }: Buffer): boolean {
  return buffer.byteLength >= MIN_ROOM_BYTES && buffer.byteLength <= MAX_ROOM_BYTES;
}
