/** Keeps work at a bounded rate: so many questions and so many bytes a second. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Rate {
  readonly stepsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Waiting less than this costs more than it saves. */
const LEAST_WAIT_MS = 5;
/** After a pause, the rate is not made up for by more than this. */
const MOST_CREDIT_MS = 1000;

/** Returns a function to call before each step; it waits as long as the rate asks for. */
export function paced(
  { stepsPerSecond, bytesPerSecond }: Rate,
  clock = Date.now,
): (bytes: number) => Promise<void> {
  let dueMs = clock();
  return async (bytes) => {
    const now = clock();
    dueMs = Math.max(dueMs, now - MOST_CREDIT_MS) + 1000 / stepsPerSecond + (bytes * 1000) / bytesPerSecond;
    if (dueMs - now >= LEAST_WAIT_MS) await sleep(dueMs - now);
  };
}
