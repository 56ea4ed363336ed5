/**
 * Runs the administrator's command for an alarm, without a shell. What happened stands in its
 * environment. It is ended after a while, and only so many run at a time.
 */
import { spawn } from 'node:child_process';
import { messageOf } from '../../errors.ts';

const TIMEOUT_MS = 30_000;
const MOST_RUNNING = 4;
let running = 0;

/** `facts` become ALARM_USER, ALARM_LOST and so on. Never throws; `failed` is told why. */
export function runHook(
  command: readonly string[],
  facts: Readonly<Record<string, string>>,
  failed: (reason: string) => void,
): void {
  const [program = '', ...args] = command;
  if (running >= MOST_RUNNING) {
    failed(`${program}: not run for ${facts['user']}: ${MOST_RUNNING} others are still running`);
    return;
  }
  const named = Object.entries(facts).map(([key, value]) => [`ALARM_${key.toUpperCase()}`, value]);
  const env = { PATH: process.env['PATH'], ...(Object.fromEntries(named) as Record<string, string>) };
  running += 1;
  const child = spawn(program, args, {
    env,
    stdio: 'ignore',
    shell: false,
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  let isOver = false;
  const end = (reason?: string): void => {
    if (isOver) return;
    isOver = true;
    running -= 1;
    if (reason !== undefined) failed(`${program}: ${reason}`);
  };
  child.on('error', (error) => end(messageOf(error)));
  child.on('exit', (code, signal) => {
    if (code === 0) end();
    else end(signal === null ? `exit code ${code}` : `ended by ${signal}`);
  });
  child.unref();
}
