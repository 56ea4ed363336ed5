/** Reads from disk, for requests put aside, what they need: into the page cache. In the thread that has the event loop, by libuv's pool. */
import { read, writeSync } from 'node:fs';
import type { DiskRead } from './deferredRequests.ts';

/** libuv's pool has four threads, and one must be left to tell the kernel of changes, whatever the disk does. */
const MOST_AT_A_TIME = 3;

export class DiskReader {
  readonly #doneFd: number;
  readonly #queue: DiskRead[] = [];
  /** Where bytes go that nobody looks at; as many are in use as reads are under way. */
  readonly #rooms: Buffer[] = [];
  #underWay = 0;
  #isClosed = false;

  /** `doneFd`: where the number of each read goes when it is done, in four bytes; failed ones too: who asks again is told why. */
  constructor(doneFd: number) {
    this.#doneFd = doneFd;
  }

  /** The descriptor is another thread's, which may close it meanwhile, and open another file with its number: that does no harm. */
  read(wanted: DiskRead): void {
    this.#queue.push(wanted);
    this.#goOn();
  }

  /** Reads no more, and says nothing more. What is still read from disk is not waited for. */
  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
  }

  #goOn(): void {
    while (this.#underWay < MOST_AT_A_TIME) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#underWay += 1;
      const bytes = next.end - next.start;
      const kept = this.#rooms.pop();
      const room = kept !== undefined && kept.length >= bytes ? kept : Buffer.allocUnsafeSlow(bytes);
      read(next.fd, room, 0, bytes, next.start, () => {
        this.#rooms.push(room);
        this.#done(next.id);
      });
    }
  }

  #done(id: number): void {
    this.#underWay -= 1;
    if (this.#isClosed) return;
    const number = Buffer.alloc(4);
    number.writeUInt32LE(id);
    // There is room in the pipe for all that can be put aside.
    writeSync(this.#doneFd, number);
    this.#goOn();
  }
}
