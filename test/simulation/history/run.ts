/**
 * Simulates new histories for a time: `node run.js SECONDS [FIRST_SEED [first]]`, as `make simulate`
 * does.
 * `node run.js replay SEED [STEPS]` repeats one. Prints the figures, and a failing history
 * with as few steps as possible (not with `first`); exits with 1 if there is one.
 */
import { runHistory, shrink } from './history.ts';
import type { Outcome } from './history.ts';
import { printSteps, stepsIn } from './steps.ts';

function print({ seed, steps, failure }: Outcome): void {
  process.stdout.write(`seed ${seed}: ${failure}\n`);
  process.stdout.write(
    `replay it: node dist/test/simulation/history/run.js replay ${seed} ${printSteps(steps)}\n`,
  );
}

async function replay(seed: number, steps: string | undefined): Promise<boolean> {
  const outcome = await runHistory(seed, steps === undefined ? undefined : stepsIn(steps));
  if (outcome.failure !== undefined) print(outcome);
  else process.stdout.write(`seed ${seed}: ${outcome.cuts} power cuts, nothing is lost\n`);
  return outcome.failure === undefined;
}

async function simulate(seconds: number, firstSeed: number, isQuick: boolean): Promise<boolean> {
  const [startMs, counts] = [performance.now(), { histories: 0, cuts: 0, faults: 0 }];
  const elapsedS = (): number => (performance.now() - startMs) / 1000;
  for (let seed = firstSeed; elapsedS() < seconds; seed += 1) {
    const outcome = await runHistory(seed);
    counts.histories += 1;
    counts.cuts += outcome.cuts;
    counts.faults += outcome.faults;
    if (outcome.failure === undefined) continue;
    print(outcome);
    process.stdout.write(`after ${counts.histories} histories with ${counts.cuts} power cuts\n`);
    if (isQuick) return false;
    process.stdout.write('with fewer steps:\n');
    print(await shrink(outcome));
    return false;
  }
  const { histories, cuts, faults } = counts;
  process.stdout.write(
    `${histories} histories with ${cuts} power cuts and ${faults} failed calls in ${Math.round(elapsedS())} s: nothing is lost\n`,
  );
  return true;
}

const [first = '60', second, third] = process.argv.slice(2);
const isGood =
  first === 'replay'
    ? await replay(Number(second), third)
    : await simulate(Number(first), Number(second ?? Math.floor(Date.now() / 1000)), third === 'first');
process.exitCode = isGood ? 0 : 1;
