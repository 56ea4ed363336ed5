/**
 * Notes in the status store when a master was seen, and when it showed that a rolling sync_client
 * runs there.
 *
 * A rolling sync_client sends RESTART after each round, and waits on an open connection while
 * nothing changes; every ten minutes (`sync_client -t`) it ends the connection with EXIT and
 * connects again. The other kinds of sync_client never pause. So a RESTART, or a command after a
 * pause, proves that changes of all users on that master would be sent.
 */
import type { StatusWriter } from '../status/statusWriter.ts';

/** The least pause of a rolling sync_client that has nothing to send. Others pause for less. */
const PAUSE_MS = 3000;

export class MasterSeen {
  readonly #host: string;
  readonly #status: StatusWriter | undefined;
  #isLoggedIn = false;

  constructor(host: string, status: StatusWriter | undefined) {
    this.#host = host;
    this.#status = status;
  }

  loggedIn(): void {
    this.#isLoggedIn = true;
    this.#status?.recordMaster({ host: this.#host, seenAt: Date.now() / 1000 });
  }

  /** A command, or the connection's end, came after this pause. */
  waited(pauseMs: number): void {
    if (this.#isLoggedIn && pauseMs >= PAUSE_MS) this.restarts();
  }

  restarts(): void {
    const now = Date.now() / 1000;
    if (this.#isLoggedIn) this.#status?.recordMaster({ host: this.#host, seenAt: now, rollingAt: now });
  }
}
