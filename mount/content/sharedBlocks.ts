/**
 * Blocks that one thread inflates and another reads, in memory that both have: a few slots, each given to a new block in turn.
 *
 * The reader copies out what it needs of a block, and then looks whether the slot is still that block's: the writer never waits for it. The
 * reader waits only for a block that is being inflated at this moment, which takes about a millisecond, and never for what the writer does
 * with it afterwards.
 *
 * Beside them the reader says how far somebody else has got meanwhile, so that the writer does nothing that is of no use any more.
 */

/** Longer blocks are not shared. */
export const LONGEST_SHARED_BYTES = 256 * 1024;
/** Whoever inflates has to see that there is no more. */
const SLOT_BYTES = LONGEST_SHARED_BYTES + 1;
const SLOTS = 4;
/** Pieces of work of which it is told how far they are of no use; of more, it is told wrongly. */
export const MOST_TOLD = 16;

/**
 * Of the Int32Array: the number of the block that is being inflated, or 0; how much work is given and not done; of each slot its block's number
 * and length; of each piece of work up to which number it is of no use.
 */
const LOADING = 0;
const PENDING = 1;
const FIRST_SLOT = 2;
const WORDS_A_SLOT = 2;
const FIRST_PASSED = FIRST_SLOT + WORDS_A_SLOT * SLOTS;
const HEADER_BYTES = 4 * (FIRST_PASSED + MOST_TOLD);
/** Should the writer have ended in the midst of it. */
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

  /** A piece of work is done. */
  noteDone(): void {
    Atomics.sub(this.header, PENDING, 1);
  }

  /** Up to which number (1 to 2^32-1) a piece of work is of no use any more. */
  passed(work: number): number {
    return Atomics.load(this.header, passedAt(work)) >>> 0;
  }

  /**
   * Loads a block into a slot. It is the caller's until SLOTS - 1 others have been loaded. What `load` throws is passed on. One that
   * does not fit in a slot comes in memory of its own, and is not shared.
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

  /** The other thread is given a piece of work; returns its number. */
  noteGiven(): number {
    const work = this.#given;
    this.#given += 1;
    Atomics.store(this.header, passedAt(work), 0);
    Atomics.add(this.header, PENDING, 1);
    return work;
  }

  /** See SharedBlocksWriter.passed. Of a piece of work that is long done, nothing happens. */
  tellPassed(work: number, number: number): void {
    if (work >= this.#given - MOST_TOLD) Atomics.store(this.header, passedAt(work), number);
  }

  /** How many pieces of work the other thread has not done yet. */
  get pending(): number {
    return Atomics.load(this.header, PENDING);
  }

  /**
   * Copies from an offset in a block on into the target, as far as either goes; returns how many bytes: 0 where the block is not there, nor about to
   * be. What is in the target then is nothing.
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
