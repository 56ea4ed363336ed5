/**
 * Blocks that one thread inflates and another reads, in shared memory. There are a few slots,
 * reused in turn.
 *
 * The reader copies what it needs from a slot, and then checks that the slot still holds the same
 * block. So the writer never waits for the reader. The reader waits only while its block is being
 * inflated, which takes about a millisecond.
 *
 * The reader also reports how far the files have been read meanwhile, so that the writer skips work
 * that is no longer useful.
 */

/** Longer blocks are not shared. */
export const LONGEST_SHARED_BYTES = 256 * 1024;
/** One byte more, so that inflating into a slot shows whether a block is too long. */
const SLOT_BYTES = LONGEST_SHARED_BYTES + 1;
const SLOTS = 4;
/**
 * The pieces of work that have a slot of their own for their progress. With more at once, the
 * progress reported is wrong.
 */
export const MOST_TOLD = 16;

/**
 * Positions in the Int32Array:
 *
 * - the number of the block being inflated, or 0;
 * - the number of pieces of work given and not done;
 * - for each slot, its block's number and length;
 * - for each piece of work, the number up to which it is no longer useful.
 */
const LOADING = 0;
const PENDING = 1;
const FIRST_SLOT = 2;
const WORDS_A_SLOT = 2;
const FIRST_PASSED = FIRST_SLOT + WORDS_A_SLOT * SLOTS;
const HEADER_BYTES = 4 * (FIRST_PASSED + MOST_TOLD);
/** In case the writer ends while inflating. */
const LONGEST_WAIT_MS = 50;

export function sharedMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + SLOTS * SLOT_BYTES);
}

const numberAt = (slot: number): number => FIRST_SLOT + WORDS_A_SLOT * slot;
const passedAt = (work: number): number => FIRST_PASSED + (work % MOST_TOLD);

class Slots {
  protected readonly header: Int32Array;
  protected readonly slots: readonly Buffer[];

  constructor(memory: SharedArrayBuffer) {
    this.header = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.slots = Array.from({ length: SLOTS }, (_, slot) =>
      Buffer.from(memory, HEADER_BYTES + slot * SLOT_BYTES, SLOT_BYTES),
    );
  }
}

export class SharedBlocksWriter extends Slots {
  #next = 0;

  /** Reports that a piece of work is done. */
  noteDone(): void {
    Atomics.sub(this.header, PENDING, 1);
  }

  /** Returns the file number (1 to 2^32-1) up to which a piece of work is no longer useful. */
  passed(work: number): number {
    return Atomics.load(this.header, passedAt(work)) >>> 0;
  }

  /**
   * Loads a block into a slot. The caller may use it until SLOTS - 1 others have been loaded.
   * Errors from `load` are passed on. A block that does not fit into a slot is returned in memory
   * of its own, and is not shared.
   */
  put(number: number, load: (room: Buffer) => Buffer): Buffer {
    const slot = this.#next;
    const room = this.slots[slot] as Buffer;
    this.#next = (slot + 1) % SLOTS;
    Atomics.store(this.header, numberAt(slot), 0);
    Atomics.store(this.header, LOADING, number);
    try {
      const block = load(room);
      if (block.buffer !== room.buffer) return block;
      Atomics.store(this.header, numberAt(slot) + 1, block.length);
      Atomics.store(this.header, numberAt(slot), number);
      return block;
    } finally {
      Atomics.store(this.header, LOADING, 0);
      Atomics.notify(this.header, LOADING);
    }
  }
}

export class SharedBlocksReader extends Slots {
  #given = 0;

  /** Notes that the other thread gets a piece of work, and returns its number. */
  noteGiven(): number {
    const work = this.#given;
    this.#given += 1;
    Atomics.store(this.header, passedAt(work), 0);
    Atomics.add(this.header, PENDING, 1);
    return work;
  }

  /** See SharedBlocksWriter.passed. Has no effect for work done long ago. */
  tellPassed(work: number, number: number): void {
    if (work >= this.#given - MOST_TOLD) Atomics.store(this.header, passedAt(work), number);
  }

  /** The number of pieces of work that the other thread has not finished. */
  get pending(): number {
    return Atomics.load(this.header, PENDING);
  }

  /**
   * Copies from an offset in a block until the block or the target ends. Returns the number of
   * bytes; 0 if the block is neither present nor being inflated. In that case the target's content
   * is undefined.
   */
  copy(number: number, offset: number, target: Buffer): number {
    if (Atomics.load(this.header, LOADING) === number) {
      Atomics.wait(this.header, LOADING, number, LONGEST_WAIT_MS);
    }
    for (const [slot, block] of this.slots.entries()) {
      if (Atomics.load(this.header, numberAt(slot)) !== number) continue;
      const length = Atomics.load(this.header, numberAt(slot) + 1);
      const copied = block.copy(target, 0, offset, length);
      if (Atomics.load(this.header, numberAt(slot)) === number) return copied;
    }
    return 0;
  }
}
