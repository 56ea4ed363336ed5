import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mutants, mutated } from '../simulation/mutants/mutants.ts';
import { recorded } from '../simulation/history/recorded.ts';

const RUN = fileURLToPath(new URL('../simulation/history/run.js', import.meta.url));
const REGISTER = new URL('../simulation/mutants/register.js', import.meta.url).href;
/** So many seconds of histories. */
const SECONDS = process.env['SECONDS'] ?? '30';
/** A change is judged by the same seeds each time. `make simulate` takes new ones. */
const FIRST_SEED = '5000';
/** Mutants that are found within a second or two. */
const QUICK = [
  'an appended line is not synced',
  'a compacted file is not synced',
  'a failed lock leaves its file open',
];

function run(args: readonly string[], mutant = ''): { status: number | null; text: string } {
  const env = { ...process.env, MUTANT: mutant };
  const program = mutant === '' ? [RUN] : ['--import', REGISTER, RUN];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...program, ...args], {
    encoding: 'utf8',
    env,
  });
  return { status, text: stdout + stderr };
}

describe('simulated histories', () => {
  it('lose nothing', function () {
    this.timeout(30_000 + 2000 * Number(SECONDS));
    const { status, text } = run([SECONDS, FIRST_SEED]);
    expect(status, text).to.equal(0);
    expect(text).to.match(/^[1-9]\d* histories with [1-9]\d* power cuts/);
  });

  for (const { seed, steps, was } of recorded) {
    it(`that once failed lose nothing: ${was}`, function () {
      this.timeout(30_000);
      const { status, text } = run(['replay', String(seed), steps]);
      expect(status, text).to.equal(0);
    });
  }
});

describe('the simulator', () => {
  for (const name of QUICK) {
    it(`finds that ${name}`, function () {
      this.timeout(120_000);
      const { status, text } = run(['60', '1', 'first'], name);
      expect(status, text).to.equal(1);
      expect(text).to.match(/^after \d+ histories/m);
    });
  }

  it('has mutants of the code as it is: a change of it goes into test/simulation/mutants/mutants.ts', () => {
    const gone = mutants.flatMap((mutant) => {
      const path = fileURLToPath(new URL(`../../src/${mutant.file}`, import.meta.url));
      try {
        mutated(readFileSync(path, 'utf8'), mutant);
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
    });
    expect(gone).to.deep.equal([]);
  });
});
