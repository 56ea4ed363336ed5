/**
 * Waits awake, for a moment, for a request that will come soon.
 *
 * Who reads one message after another sends the next request some tens of microseconds after the last answer. A processor that has nothing else to do
 * sleeps meanwhile, and takes about as long to wake up, in a virtual machine longer. Where the last request came soon, so will the next one; where it did not,
 * the mount sleeps, so that one which nobody uses costs nothing.
 */
import { availableParallelism } from 'node:os';
import { isReadable } from '../wire/libc.ts';

/** Waits that are longer cost more than the waking up. */
const SOON_MS = 0.1;

export class BusyPoll {
  readonly #fd: number;
  readonly #isBusy: () => boolean;
  readonly #hasOthers: boolean;
  #isSoon = false;

  /** `isBusy`: threads of our own have something better to do with a processor than to wait on it. */
  constructor(fd: number, isBusy: () => boolean, processors = availableParallelism()) {
    this.#fd = fd;
    this.#isBusy = isBusy;
    this.#hasOthers = processors > 1;
  }

  /** Waits awake, if that is worth while, and then has `read` read from the descriptor and wait as long as it takes. */
  before<T>(read: () => T): T {
    const startMs = performance.now();
    if (this.#isSoon && this.#hasOthers && !this.#isBusy()) {
      while (!isReadable(this.#fd) && performance.now() - startMs < SOON_MS);
    }
    try {
      return read();
    } finally {
      this.#isSoon = performance.now() - startMs < SOON_MS;
    }
  }
}
