/**
 * Shares inflated blocks between two threads: one thread inflates them, and another reads them. The
 * blocks are in shared memory, in a few slots that are reused in turn.
 *
 * The reader copies the bytes that it needs from a slot. It then checks that the slot still holds
 * the same block. The writer therefore never waits for the reader. The reader waits only while its
 * block is being inflated, which takes about a millisecond.
 *
 * The reader also reports how far the files have been read, so that the writer can skip files that
 * have been read already.
 */

/** The length of the longest block that is shared. */
export const LONGEST_SHARED_BYTES = 256 * 1024;
/**
 * The size of a slot. It has one byte more than the longest block, so that inflating into a slot
 * shows whether a block is too long.
 */
const SLOT_BYTES = LONGEST_SHARED_BYTES + 1;
const SLOTS = 4;
/**
 * The number of jobs that have their own slot for reporting progress. If more jobs are pending at
 * once, the reported progress is wrong.
 */
export const MOST_TOLD = 16;

/**
 * Positions in the Int32Array:
 *
 * - the number of the block being inflated, or 0;
 * - the number of jobs that were handed over and are not done yet;
 * - for each slot, its block's number and length;
 * - for each job, the number of the last file that need not be prefetched any more.
 */
const LOADING = 0;
const PENDING = 1;
const FIRST_SLOT = 2;
const WORDS_A_SLOT = 2;
const FIRST_PASSED = FIRST_SLOT + WORDS_A_SLOT * SLOTS;
const HEADER_BYTES = 4 * (FIRST_PASSED + MOST_TOLD);
/** Limits the reader's wait, in case the writer stops while it is inflating. */
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

  /** Reports that a job is done. */
  noteDone(): void {
    Atomics.sub(this.header, PENDING, 1);
  }

  /**
   * Returns the number (1 to 2^32-1) of the last file of a job that need not be prefetched any
   * more.
   */
  passed(work: number): number {
    return Atomics.load(this.header, passedAt(work)) >>> 0;
  }

  /**
   * Loads a block into a slot. The caller may use the result until SLOTS - 1 other blocks have been
   * loaded. Errors from `load` are passed on. A block that does not fit into a slot is returned in
   * separate memory and is not shared.
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

  /** Records that a job is handed to the other thread, and returns the job's number. */
  noteGiven(): number {
    const work = this.#given;
    this.#given += 1;
    Atomics.store(this.header, passedAt(work), 0);
    Atomics.add(this.header, PENDING, 1);
    return work;
  }

  /**
   * Reports progress to SharedBlocksWriter.passed. Has no effect for a job that was done long ago.
   */
  tellPassed(work: number, number: number): void {
    if (work >= this.#given - MOST_TOLD) Atomics.store(this.header, passedAt(work), number);
  }

  /** The number of jobs that the other thread has not finished. */
  get pending(): number {
    return Atomics.load(this.header, PENDING);
  }

  /**
   * Copies from an offset in a block until the block or the target ends. Returns the number of
   * bytes. If the block is neither present nor being inflated, it returns 0, and the target's
   * content is undefined.
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
