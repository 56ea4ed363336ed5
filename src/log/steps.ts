/**
 * Runs long work written as a generator that yields after each step of about a millisecond. The
 * same code can run to its end at once, or let the event loop do other work in between.
 */
import { setImmediate } from 'node:timers/promises';

/** Other work waits for at most this long plus the length of one step. */
const TURN_MS = 15;

/** Runs all steps without a pause. */
export function finish<T>(steps: Generator<void, T>): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** Runs all steps, and lets other work run in between. */
export async function finishInTurns<T>(steps: Generator<void, T>): Promise<T> {
  let began = performance.now();
  let step = steps.next();
  while (step.done !== true) {
    if (performance.now() - began > TURN_MS) {
      await setImmediate();
      began = performance.now();
    }
    step = steps.next();
  }
  return step.value;
}
