/**
 * Polls briefly for the next request if it is likely to arrive soon.
 *
 * A program that reads one message after another sends its next request some tens of microseconds
 * after the last answer. Meanwhile an idle processor would go to sleep. Waking it takes about as
 * long as the program needs, and longer in a virtual machine. If the last request arrived soon
 * after the answer before it, the next one probably will, too, so the mount polls. Otherwise the
 * mount sleeps, so an unused mount costs nothing.
 */
import { availableParallelism } from 'node:os';
import { isReadable } from '../wire/libc.ts';

/** The longest time to poll. Polling for longer costs more than waking up. */
const SOON_MS = 0.1;

export class BusyPoll {
  readonly #fd: number;
  readonly #isBusy: () => boolean;
  readonly #hasOthers: boolean;
  #isSoon = false;

  /**
   * `isBusy` reports whether other threads of the mount need the processors. If they do, this
   * thread does not poll.
   */
  constructor(fd: number, isBusy: () => boolean, processors = availableParallelism()) {
    this.#fd = fd;
    this.#isBusy = isBusy;
    this.#hasOthers = processors > 1;
  }

  /**
   * Polls if that is worthwhile. Then calls `read`, which reads from the descriptor and blocks as
   * long as necessary.
   */
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
