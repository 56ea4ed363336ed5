/** Runs the history of a seed, and makes the steps of one that fails as few as possible. */
import { Simulation } from './simulation.ts';
import { runStep, stepsOf } from './steps.ts';
import type { Step } from './steps.ts';

export interface Outcome {
  /** Of the disk and of the steps, unless these were given. */
  readonly seed: number;
  readonly steps: readonly Step[];
  readonly cuts: number;
  readonly faults: number;
  /** What went wrong; undefined if nothing did. */
  readonly failure?: string;
}

export async function runHistory(seed: number, steps: readonly Step[] = stepsOf(seed)): Promise<Outcome> {
  const simulation = new Simulation(seed);
  const run: Step[] = [];
  let failure: string | undefined;
  try {
    for (const step of steps) {
      run.push(step);
      await runStep(simulation, step);
    }
    await simulation.finish();
  } catch (error) {
    failure = String((error as Error).stack);
  } finally {
    await simulation.end();
  }
  const { cuts, faults } = simulation;
  return { seed, steps: run, cuts, faults, ...(failure !== undefined && { failure }) };
}

/** The first words of a failure, which tell one from another. */
const kindOf = (failure = ''): string => failure.replace(/\d+|anne|bob|carl/g, '').slice(0, 20);

/** Leaves out all steps without which the history still fails. */
export async function shrink(outcome: Outcome): Promise<Outcome> {
  let best = outcome;
  for (let size = best.steps.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.steps.length;) {
      const steps = [...best.steps.slice(0, at), ...best.steps.slice(at + size)];
      const tried = await runHistory(outcome.seed, steps);
      if (tried.failure !== undefined && kindOf(tried.failure) === kindOf(outcome.failure)) best = tried;
      else at += size;
    }
  }
  return best;
}
