/**
 * `node dist/test/soak/powerCut.soak.js [states] [seed]`: crashes recorded histories of backups and
 * of a catalogue in this many ways, opens the results, and prints what was tried and what went
 * wrong. Exit code 1 if anything did. Default: 20,000 states.
 */
import { runRack } from '../simulation/powerCut/runRack.ts';

const states = Number(process.argv[2] ?? 20_000);
const firstSeed = Number(process.argv[3] ?? 1);
/** States per process. Batches are small, so that something is printed now and then. */
const BATCH = 250;

for (const rack of ['rack', 'twoskipRack'] as const) {
  const sums: Record<string, number> = {};
  let [done, seed] = [0, firstSeed];
  while (done < states) {
    const report = await runRack(rack, BATCH, seed);
    const { states: tried, faults, outOfOrder } = report;
    for (const [name, count] of Object.entries({ ...tried, ...faults }))
      sums[name] = (sums[name] ?? 0) + count;
    sums['out of order'] = (sums['out of order'] ?? 0) + outOfOrder.states;
    done += Object.values(tried).reduce((sum, each) => sum + each, 0);
    // A batch uses consecutive seeds from its first one on, far fewer than these.
    seed += BATCH;
    for (const example of report.examples) process.stdout.write(`${example}\n`);
    if (Object.keys(faults).length > 0) process.exitCode = 1;
    process.stdout.write(`${rack}, ${done} states: ${JSON.stringify(sums)}\n`);
  }
}
