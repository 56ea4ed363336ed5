/**
 * Shares the one thread among sessions, so that none waits for another's long command.
 *
 * Long work is done in steps of about a millisecond, with `turn()` between them. Between two polls
 * of the sockets by the event loop, all sessions together work for a few milliseconds. A session
 * that asks for more waits until the sockets were polled. After each poll one session continues:
 * the one with the least recent work. The more sessions wait, the shorter is each turn. A session
 * with little to do thus waits a few milliseconds at most, however busy the others are.
 */

import type { Turn } from '../../backup/options.ts';

/** The time in which every waiting session continues once. The sessions share this time. */
const ROUND_MS = 8;
/**
 * The least work that a session does at a time. With less, polling the sockets would cost more than
 * the work.
 */
const LEAST_MS = 0.5;
/** After this time, half of a session's recent work is forgotten. */
const HALF_LIFE_MS = 300;
/**
 * The most recent work that is counted. A session thus never waits long because of its earlier
 * work.
 */
const MOST_RECENT_MS = 50;
/**
 * The factor by which waiting offsets work. A waiting session thus catches up sooner than the other
 * sessions can do the same amount of work.
 */
const WAIT_COUNTS = 4;
/** The longest time that a step should take. */
const MOST_STEP_MS = 20;

interface Waiter {
  /**
   * Recent work plus the weighted time at which the wait began. The session with the lowest rank
   * continues first.
   */
  readonly rank: number;
  readonly go: () => void;
}

/** The time at which the work since the last poll began. Null if there was none yet. */
let loopBeganAt: number | null = null;
/**
 * The time at which any session last began, ended or continued. Work after this time belongs to the
 * running session.
 */
let markedAt = 0;
const waiters: Waiter[] = [];
let isScheduled = false;

/** Called after the sockets were polled. */
function afterLook(): void {
  isScheduled = false;
  loopBeganAt = null;
  if (waiters.length === 0) return;
  let best = 0;
  for (let at = 1; at < waiters.length; at += 1) {
    if (waiters[at]!.rank < waiters[best]!.rank) best = at;
  }
  const [next] = waiters.splice(best, 1) as [Waiter];
  loopBeganAt = performance.now();
  isScheduled = true;
  setImmediate(afterLook);
  next.go();
}

/**
 * Calls afterLook() once the sockets were polled. Work often begins while the sockets are polled,
 * and a first immediate follows in the same turn of the loop. Only a second one comes after a poll.
 */
function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(() => setImmediate(afterLook));
}

/** One session's share of the thread. */
export class Turns {
  #recentMs = 0;
  #countedAt = performance.now();
  /**
   * The time at which the current work began. Null while the session waits for its turn or for its
   * peer.
   */
  #beganAt: number | null = null;

  /** Call before a command's work. Waits if the share is used up. */
  begin(): Promise<void> {
    this.#beganAt = performance.now();
    markedAt = this.#beganAt;
    return this.turn();
  }

  /** Call at a command's end. The time that follows is the peer's, so it does not count as work. */
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
    const shareMs = Math.max(LEAST_MS, ROUND_MS / (waiters.length + 1));
    if (now - loopBeganAt < shareMs) return Promise.resolve();
    return new Promise((resolve) => {
      this.#beganAt = null;
      waiters.push({
        rank: this.#recentMs + WAIT_COUNTS * now,
        go: () => {
          this.#beganAt = performance.now();
          markedAt = this.#beganAt;
          resolve();
        },
      });
    });
  };

  #count(now: number): void {
    if (this.#beganAt !== null) {
      // Other sessions ran while this one waited for a disk.
      const workMs = Math.min(now - Math.max(this.#beganAt, markedAt), MOST_STEP_MS);
      const left = this.#recentMs * 0.5 ** ((now - this.#countedAt) / HALF_LIFE_MS);
      this.#recentMs = Math.min(left + workMs, MOST_RECENT_MS);
      this.#beganAt = now;
    }
    this.#countedAt = now;
    markedAt = now;
  }
}
