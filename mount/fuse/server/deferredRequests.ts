/**
 * Defers requests that wait for the disk, so that the answering thread can answer others meanwhile.
 *
 * Another thread (diskReader.ts) reads the needed data into the page cache and reports completion
 * through a pipe. Then the request is answered as if it had just arrived. Only the waiting happens
 * in the other thread. The answering thread still makes the answer, because only that thread has
 * the tree.
 *
 * Involving the other thread takes longer than a read from a fast disk. So the answering thread
 * first waits up to MOMENT_US for the disk, unless another request arrives.
 */
import { readSync } from 'node:fs';
import { NotInMemory } from '../../content/stored.ts';
import type { Stored } from '../../content/stored.ts';
import { isInPageCache, readableOf, startReading } from '../wire/libc.ts';

/** Beyond this many deferred requests, the server blocks on the disk itself. */
const MOST_ASIDE = 64;
/**
 * A request can be deferred several times, because a long read needs several blocks. After this
 * many times, the answering thread waits for the disk.
 */
const MOST_TIMES = 32;
/**
 * If a request needs a long stretch of compressed data without flush points, only this many bytes
 * from its start are read in advance.
 */
const MOST_BYTES = 1024 * 1024;
/**
 * How long to wait for a fast disk, in microseconds. The thread waits in steps, each longer than
 * the one before.
 */
const MOMENT_US = 2000;
const FIRST_STEP_US = 50;
const STEP_GROWTH = 1.5;
/** The size of a read's ID in the pipe. */
const ID_BYTES = 4;

export interface DiskRead extends Stored {
  readonly id: number;
}

interface Waiting {
  readonly request: Buffer;
  readonly times: number;
}

export interface DeferredRequestsOptions {
  /** The descriptor that new requests come from. */
  readonly requestsFd: number;
  /** The pipe that delivers the ID of each completed read in four bytes. */
  readonly doneFd: number;
  readonly post: (read: DiskRead) => void;
}

export class Aside {
  readonly #options: DeferredRequestsOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ids = Buffer.alloc(ID_BYTES * MOST_ASIDE);
  readonly #ready: Waiting[] = [];
  #nextId = 1;
  /** How many times the current request was deferred. */
  #times = 0;

  constructor(options: DeferredRequestsOptions) {
    this.#options = options;
  }

  /** True if no request is deferred and none is ready to be answered. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#ready.length === 0;
  }

  /** A descriptor that becomes readable when disk reads have completed. */
  get fd(): number {
    return this.#options.doneFd;
  }

  /**
   * Called before data is loaded from the disk (BeforeLoad). Throws NotInMemory if the data is not
   * in the page cache and the request should be deferred.
   */
  readonly beforeLoad = ({ fd, start, end: wholeEnd }: Stored): void => {
    const end = Math.min(wholeEnd, start + MOST_BYTES);
    // Only both ends are tested, because the kernel has read everything between them as well.
    const isThere = (): boolean => isInPageCache(fd, start) && isInPageCache(fd, end - 1);
    if (end <= start || isThere()) return;
    if (this.#waiting.size >= MOST_ASIDE || this.#times >= MOST_TIMES) return;
    startReading(fd, start, end - start);
    let waitedUs = 0;
    for (let stepUs = FIRST_STEP_US; waitedUs < MOMENT_US; stepUs *= STEP_GROWTH) {
      if (readableOf([this.#options.requestsFd, this.#options.doneFd], stepUs).includes(true)) break;
      if (isThere()) return;
      waitedUs += stepUs;
    }
    throw new NotInMemory({ fd, start, end });
  };

  /** Resets the count of deferrals for a new request. Call when one has arrived. */
  begin(): void {
    this.#times = 0;
  }

  /** Defers the current request until its data is in memory. */
  put(request: Buffer, { stored }: NotInMemory): void {
    const id = this.#nextId;
    this.#nextId = (id % 0x7fffffff) + 1;
    this.#waiting.set(id, { request: Buffer.from(request), times: this.#times + 1 });
    this.#options.post({ ...stored, id });
  }

  /** Notes which disk reads have completed. Call when `fd` is readable. */
  learn(): void {
    const bytes = readSync(this.fd, this.#ids);
    for (let at = 0; at + ID_BYTES <= bytes; at += ID_BYTES) {
      const id = this.#ids.readUInt32LE(at);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (waiting !== undefined) this.#ready.push(waiting);
    }
  }

  /**
   * Copies the next deferred request whose data is ready into `to`, and returns its length. Returns
   * undefined if there is none.
   */
  take(to: Buffer): number | undefined {
    const waiting = this.#ready.shift();
    if (waiting === undefined) return undefined;
    this.#times = waiting.times;
    return waiting.request.copy(to);
  }
}
