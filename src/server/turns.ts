/**
 * Shares the one thread among sessions, so that none waits for another's long command.
 *
 * Long work is done in steps of a millisecond or so, with `turn()` between them. Between two looks of the event loop at its sockets
 * all sessions together work for LOOP_MS at most; a session that asks for more waits until the sockets were looked at.
 * One session then goes on per look: the one that has worked least of late. So a session with little to do waits
 * for one stretch of work at most, however many others have much to do.
 */

import type { Turn } from '../backup/options.ts';

/** Work between two looks at the sockets. */
const LOOP_MS = 8;
/** After this time half of a session's work is forgotten. */
const HALF_LIFE_MS = 1000;
/** No step is meant to take longer. */
const MOST_STEP_MS = 20;

interface Waiter {
  readonly session: Turns;
  readonly go: () => void;
}

/** When the work since the last look began; null: there was none yet. */
let loopBeganAt: number | null = null;
const waiters: Waiter[] = [];
let isScheduled = false;

/** Called once the sockets were looked at. */
function afterLook(): void {
  isScheduled = false;
  loopBeganAt = null;
  if (waiters.length === 0) return;
  let best = 0;
  for (let at = 1; at < waiters.length; at += 1) {
    if (waiters[at]!.session.recentMs < waiters[best]!.session.recentMs) best = at;
  }
  const [next] = waiters.splice(best, 1) as [Waiter];
  loopBeganAt = performance.now();
  schedule();
  next.go();
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(afterLook);
}

/** One session's share. */
export class Turns {
  #recentMs = 0;
  #countedAt = performance.now();
  /** When the work at hand began; null while it waits for its turn, its peer or a disk. */
  #beganAt: number | null = null;

  /** Work of late, in milliseconds. */
  get recentMs(): number {
    return this.#recentMs;
  }

  /** Call before a command's work: waits where the others' share is used up. */
  begin(): Promise<void> {
    this.#beganAt = performance.now();
    return this.turn();
  }

  /** The command is over; what comes next is the peer's time. */
  end(): void {
    this.#count(performance.now());
    this.#beganAt = null;
  }

  /** Call between two steps of the work. */
  readonly turn: Turn = () => {
    const now = performance.now();
    this.#count(now);
    if (loopBeganAt === null) {
      loopBeganAt = now;
      schedule();
    }
    if (now - loopBeganAt < LOOP_MS) return Promise.resolve();
    schedule();
    return new Promise((resolve) => {
      this.#beganAt = null;
      waiters.push({
        session: this,
        go: () => {
          this.#beganAt = performance.now();
          resolve();
        },
      });
    });
  };

  #count(now: number): void {
    if (this.#beganAt !== null) {
      // What took longer was waiting for a disk or the peer.
      const workMs = Math.min(now - this.#beganAt, MOST_STEP_MS);
      this.#recentMs = this.#recentMs * 0.5 ** ((now - this.#countedAt) / HALF_LIFE_MS) + workMs;
      this.#beganAt = now;
    }
    this.#countedAt = now;
  }
}
