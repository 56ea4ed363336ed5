/**
 * How long a session waits for its peer: to log in, to say something, to finish what it says. A peer that is slow or silent loses
 * its locks first, so that it stands in nobody's way, and its connection later.
 */
import type { ServerOptions } from '../options.ts';

type Times = Pick<ServerOptions, 'loginTimeoutMs' | 'commandTimeoutMs' | 'releaseTimeoutMs'>;

export interface Impatience {
  /** The peer's locks are to be given up. */
  release(): void;
  /** The connection is to be broken. */
  hangUp(why: string): void;
}

export class Patience {
  readonly #times: Times;
  readonly #impatience: Impatience;
  readonly #loginTimer: NodeJS.Timeout;
  #waitTimer: NodeJS.Timeout | undefined;
  #isWaiting = false;
  #isLoggedIn = false;

  /** The time to log in runs from now on. */
  constructor(times: Times, impatience: Impatience) {
    this.#times = times;
    this.#impatience = impatience;
    const { loginTimeoutMs } = times;
    this.#loginTimer = setTimeout(
      () => impatience.hangUp(`no login within ${loginTimeoutMs / 1000} s`),
      loginTimeoutMs,
    );
  }

  /** Whether the session waits for its peer now. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  loggedIn(): void {
    this.#isLoggedIn = true;
    clearTimeout(this.#loginTimer);
  }

  end(): void {
    clearTimeout(this.#loginTimer);
    clearTimeout(this.#waitTimer);
  }

  /** Waits for what depends on the peer. */
  async waiting<T>(work: () => Promise<T>, limitMs = this.#times.commandTimeoutMs): Promise<T> {
    this.#isWaiting = true;
    this.again(limitMs);
    try {
      return await work();
    } finally {
      clearTimeout(this.#waitTimer);
      this.#isWaiting = false;
    }
  }

  /** The time begins anew: a message has come. Before the login there are no locks, and its own time is running. */
  again(limitMs = this.#times.commandTimeoutMs): void {
    clearTimeout(this.#waitTimer);
    if (!this.#isLoggedIn) return;
    const releaseMs = Math.min(this.#times.releaseTimeoutMs, limitMs);
    this.#waitTimer = setTimeout(() => {
      this.#impatience.release();
      this.#waitTimer = setTimeout(
        () => this.#impatience.hangUp(`waited for ${limitMs / 1000} s`),
        limitMs - releaseMs,
      );
    }, releaseMs);
  }
}
