/**
 * Limits how long a session waits for its peer: to log in, to send a command, to finish one. A slow
 * or silent peer first loses its locks, so that it blocks nobody, and later its connection.
 */
import type { ServerOptions } from '../options.ts';

type Times = Pick<ServerOptions, 'loginTimeoutMs' | 'commandTimeoutMs' | 'releaseTimeoutMs'>;

export interface SessionTimeoutOptions {
  /** Releases the locks that the session holds for its peer. */
  release(): void;
  /** Closes the connection. */
  hangUp(why: string): void;
}

export class SessionTimeouts {
  readonly #times: Times;
  readonly #impatience: SessionTimeoutOptions;
  readonly #loginTimer: NodeJS.Timeout;
  #waitTimer: NodeJS.Timeout | undefined;
  #isWaiting = false;
  #isLoggedIn = false;

  /** Starts the time limit for the login. */
  constructor(times: Times, impatience: SessionTimeoutOptions) {
    this.#times = times;
    this.#impatience = impatience;
    const { loginTimeoutMs } = times;
    this.#loginTimer = setTimeout(
      () => impatience.hangUp(`no login within ${loginTimeoutMs / 1000} s`),
      loginTimeoutMs,
    );
  }

  /** Whether the session is waiting for its peer. */
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

  /** Runs work that depends on the peer, with a time limit. */
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

  /**
   * Restarts the time limit, because a message has arrived. Before the login this does nothing: the
   * session has no locks, and the login has its own limit.
   */
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
