/**
 * Long work as a generator that yields after each step of a millisecond or so: one and the same code runs to its end at once, or gives
 * the event loop's other work its turns in between.
 */
import { setImmediate } from 'node:timers/promises';

/** Others wait for at most this and one step. */
const TURN_MS = 15;

/** Runs all steps at once. */
export function finish<T>(steps: Generator<void, T>): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** Runs all steps, with turns for others in between. */
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
