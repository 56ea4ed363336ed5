/**
 * Simulates each deliberate bug until it is found: `node runMutants.js SECONDS [WORDS]`, at most so
 * many seconds each. Prints a table; exits with 1 if one is not found.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { mutants } from './mutants.ts';

const REGISTER = new URL('./register.js', import.meta.url).href;
const RUN = fileURLToPath(new URL('../history/run.js', import.meta.url));

const [seconds = '60', words = ''] = process.argv.slice(2);

/** Returns what the simulator has found; undefined if nothing. */
export function findMutant(name: string, limitS: number, seed: number): string | undefined {
  const args = ['--import', REGISTER, RUN, String(limitS), String(seed), 'first'];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, MUTANT: name },
  });
  return status === 0 ? undefined : stdout;
}

for (const { name } of mutants.filter(({ name }) => name.includes(words))) {
  const found = findMutant(name, Number(seconds), 1);
  const [, histories = '-'] = /after (\d+) histories/.exec(found ?? '') ?? [];
  const [, what = ''] = /^seed \d+: \w+: (.*)$/m.exec(found ?? '') ?? [];
  process.stdout.write(`| ${name} | ${histories} | ${what.slice(0, 60)} |\n`);
  if (found === undefined || histories === '-') {
    process.exitCode = 1;
    process.stderr.write(`not found: ${name}\n${found ?? ''}\n`);
  }
}
