/**
 * Shares the one thread among sessions, so that none waits for another's long command.
 *
 * Long work is done in steps of a millisecond or so, with `turn()` between them. Between two looks of the event loop at its sockets
 * all sessions together work for a few milliseconds; a session that asks for more waits until the sockets were looked at.
 * One session then goes on per look: the one that has worked least of late. The more of them wait, the shorter is the time that each
 * goes on. So a session with little to do waits for a few milliseconds at most, however many others have much to do.
 */

import type { Turn } from '../backup/options.ts';

/** Work until each session that wants to has gone on once; they share it. */
const ROUND_MS = 8;
/** The least that one does at a time, or looks at the sockets would cost more than the work. */
const LEAST_MS = 0.5;
/** After this time half of a session's work is forgotten. */
const HALF_LIFE_MS = 300;
/** More than this counts as this: nobody has to wait for long because of what it did before. */
const MOST_RECENT_MS = 50;
/** Waiting makes up for work, and sooner than the others can do as much. */
const WAIT_COUNTS = 4;
/** No step is meant to take longer. */
const MOST_STEP_MS = 20;

interface Waiter {
  /** Its work of late, plus what its waiting makes up for: the lower, the sooner. It grows older alike for all. */
  readonly rank: number;
  readonly go: () => void;
}

/** When the work since the last look began; null: there was none yet. */
let loopBeganAt: number | null = null;
/** When any session last began, ended or went on: work after this is that of the one that runs now. */
let markedAt = 0;
const waiters: Waiter[] = [];
let isScheduled = false;

/** Called once the sockets were looked at. */
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

  /** Call before a command's work: waits where the others' share is used up. */
  begin(): Promise<void> {
    this.#beganAt = performance.now();
    markedAt = this.#beganAt;
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
    const shareMs = Math.max(LEAST_MS, ROUND_MS / (waiters.length + 1));
    if (now - loopBeganAt < shareMs) return Promise.resolve();
    schedule();
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
      // Others had their turn while this one waited for a disk.
      const workMs = Math.min(now - Math.max(this.#beganAt, markedAt), MOST_STEP_MS);
      const left = this.#recentMs * 0.5 ** ((now - this.#countedAt) / HALF_LIFE_MS);
      this.#recentMs = Math.min(left + workMs, MOST_RECENT_MS);
      this.#beganAt = now;
    }
    this.#countedAt = now;
    markedAt = now;
  }
}
