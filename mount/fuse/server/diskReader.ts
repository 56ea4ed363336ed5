/**
 * Reads the data that deferred requests need into the page cache. It runs in the thread with the
 * event loop, and uses libuv's pool.
 */
import { writeSync } from 'node:fs';
import { disk } from '../../../src/fs/disk/current.ts';
import type { DiskRead } from './deferredRequests.ts';

/**
 * The most reads in progress. libuv's pool has four threads, and one must stay free for
 * invalidations sent to the kernel, even if the disk stalls.
 */
const MOST_AT_A_TIME = 3;

export class DiskReader {
  readonly #doneFd: number;
  readonly #queue: DiskRead[] = [];
  /**
   * Reusable buffers, one per read in progress. Their content is not used; reading only fills the
   * page cache.
   */
  readonly #rooms: Buffer[] = [];
  #underWay = 0;
  #isClosed = false;

  /**
   * The ID of each completed read is written to `doneFd` in four bytes. A failed read counts as
   * completed.
   */
  constructor(doneFd: number) {
    this.#doneFd = doneFd;
  }

  /**
   * Starts or queues a read. Another thread owns the descriptor and may close it meanwhile. A read
   * from another file that has got the same descriptor does no harm.
   */
  read(wanted: DiskRead): void {
    this.#queue.push(wanted);
    this.#goOn();
  }

  /** Stops starting reads and reporting them. Does not wait for reads in progress. */
  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
  }

  #goOn(): void {
    while (this.#underWay < MOST_AT_A_TIME) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#underWay += 1;
      void this.#fill(next);
    }
  }

  async #fill({ id, fd, start, end }: DiskRead): Promise<void> {
    const bytes = end - start;
    const kept = this.#rooms.pop();
    const room = kept !== undefined && kept.length >= bytes ? kept : Buffer.allocUnsafeSlow(bytes);
    // The retried request reports the error.
    await disk.readAsync(fd, room, 0, bytes, start).catch(() => undefined);
    this.#rooms.push(room);
    this.#done(id);
  }

  #done(id: number): void {
    this.#underWay -= 1;
    if (this.#isClosed) return;
    const number = Buffer.alloc(4);
    number.writeUInt32LE(id);
    // This never blocks, because the pipe has room for the IDs of all requests that can be
    // deferred.
    writeSync(this.#doneFd, number);
    this.#goOn();
  }
}
