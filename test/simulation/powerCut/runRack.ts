/**
 * Runs a rack in a process of its own, on a file system in memory if there is one.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Report } from './report.ts';

const run = promisify(execFile);
const MEMORY = '/dev/shm';

export async function runRack(name: 'rack' | 'twoskipRack', states: number, seed: number): Promise<Report> {
  const program = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const env = { ...process.env, TMPDIR: existsSync(MEMORY) ? MEMORY : tmpdir() };
  const args = [program, String(states), String(seed)];
  const { stdout } = await run(process.execPath, args, { env, maxBuffer: 1 << 26 });
  return JSON.parse(stdout) as Report;
}
