/**
 * Requests that wait for the disk, put aside so that the thread that answers can go on with others.
 *
 * Somebody else reads what they need into the page cache (diskReader.ts) and says so in a pipe; then they are answered as if they had just come.
 * Nothing but the wait is taken off: the answer is made by the one thread that has the tree.
 *
 * The way to the other thread and back takes longer than a quick disk does. So the disk is given a moment first, unless another request
 * comes in.
 */
import { readSync } from 'node:fs';
import { NotInMemory } from '../../content/stored.ts';
import type { Stored } from '../../content/stored.ts';
import { isInPageCache, readableOf, startReading } from '../wire/libc.ts';

/** Of one more, the wait is everybody's. */
const MOST_ASIDE = 64;
/** A long read needs several blocks; who has come back so often waits for the disk where it is. */
const MOST_TIMES = 32;
/** Of what has no flush point for long, the start. */
const MOST_BYTES = 1024 * 1024;
/** So long a quick disk is waited for, in steps that grow; microseconds. */
const MOMENT_US = 2000;
const FIRST_STEP_US = 50;
const STEP_GROWTH = 1.5;
/** A number in the pipe. */
const ID_BYTES = 4;

export interface DiskRead extends Stored {
  readonly id: number;
}

interface Waiting {
  readonly request: Buffer;
  readonly times: number;
}

export interface AsideOptions {
  /** Where new requests come from. */
  readonly requestsFd: number;
  /** Where the number of each read that is done comes, in four bytes. */
  readonly doneFd: number;
  readonly post: (read: DiskRead) => void;
}

export class Aside {
  readonly #options: AsideOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ids = Buffer.alloc(ID_BYTES * MOST_ASIDE);
  readonly #ready: Waiting[] = [];
  #nextId = 1;
  /** How often the request that is being answered was put aside. */
  #times = 0;

  constructor(options: AsideOptions) {
    this.#options = options;
  }

  /** There is none, nor was there one whose turn has not come. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#ready.length === 0;
  }

  /** Can be read when there is something to learn. */
  get fd(): number {
    return this.#options.doneFd;
  }

  /** A BeforeLoad. */
  readonly beforeLoad = ({ fd, start, end: wholeEnd }: Stored): void => {
    const end = Math.min(wholeEnd, start + MOST_BYTES);
    // What lies between was read ahead with them.
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

  /** A request has come. */
  begin(): void {
    this.#times = 0;
  }

  /** The request that has begun needs what is not there yet. */
  put(request: Buffer, { stored }: NotInMemory): void {
    const id = this.#nextId;
    this.#nextId = (id % 0x7fffffff) + 1;
    this.#waiting.set(id, { request: Buffer.from(request), times: this.#times + 1 });
    this.#options.post({ ...stored, id });
  }

  /** To be called where there is something in `fd`. */
  learn(): void {
    const bytes = readSync(this.fd, this.#ids);
    for (let at = 0; at + ID_BYTES <= bytes; at += ID_BYTES) {
      const id = this.#ids.readUInt32LE(at);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (waiting !== undefined) this.#ready.push(waiting);
    }
  }

  /** Begins a request that need not wait any longer: copies it, and returns its bytes; undefined where there is none. */
  take(to: Buffer): number | undefined {
    const waiting = this.#ready.shift();
    if (waiting === undefined) return undefined;
    this.#times = waiting.times;
    return waiting.request.copy(to);
  }
}
