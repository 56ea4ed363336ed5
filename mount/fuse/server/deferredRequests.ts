/**
 * Requests that wait for the disk are deferred, so that the answering thread can go on with others.
 *
 * Another thread reads the data they need into the page cache (diskReader.ts) and reports it
 * through a pipe. Then they are answered as if they had just arrived. Only the waiting is moved:
 * the answer is still made by the one thread that has the tree.
 *
 * The way to the other thread and back takes longer than a fast disk does. So the disk first gets
 * up to MOMENT_US, unless another request arrives.
 */
import { readSync } from 'node:fs';
import { NotInMemory } from '../../content/stored.ts';
import type { Stored } from '../../content/stored.ts';
import { isInPageCache, readableOf, startReading } from '../wire/libc.ts';

/** Beyond this many deferred requests, the server blocks on the disk itself. */
const MOST_ASIDE = 64;
/**
 * A long read needs several blocks. A request that was deferred this often waits for the disk
 * itself.
 */
const MOST_TIMES = 32;
/** In a long stretch without flush points, only this much from its start is awaited. */
const MOST_BYTES = 1024 * 1024;
/** How long to wait for a fast disk, in microseconds. The steps grow. */
const MOMENT_US = 2000;
const FIRST_STEP_US = 50;
const STEP_GROWTH = 1.5;
/** The size of a read's number in the pipe. */
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
  /** The pipe that delivers the number of each completed read, in four bytes. */
  readonly doneFd: number;
  readonly post: (read: DiskRead) => void;
}

export class Aside {
  readonly #options: DeferredRequestsOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ids = Buffer.alloc(ID_BYTES * MOST_ASIDE);
  readonly #ready: Waiting[] = [];
  #nextId = 1;
  /** How often the current request was deferred. */
  #times = 0;

  constructor(options: DeferredRequestsOptions) {
    this.#options = options;
  }

  /** Whether no request is deferred or ready to be answered. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#ready.length === 0;
  }

  /** Becomes readable when reads have completed. */
  get fd(): number {
    return this.#options.doneFd;
  }

  /** Implements BeforeLoad. */
  readonly beforeLoad = ({ fd, start, end: wholeEnd }: Stored): void => {
    const end = Math.min(wholeEnd, start + MOST_BYTES);
    // Everything between the two ends was read ahead with them.
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

  /** Call when a new request has arrived. */
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

  /** Call when `fd` is readable. */
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
   * Starts a deferred request that is ready: copies it and returns its length. Undefined if there
   * is none.
   */
  take(to: Buffer): number | undefined {
    const waiting = this.#ready.shift();
    if (waiting === undefined) return undefined;
    this.#times = waiting.times;
    return waiting.request.copy(to);
  }
}
