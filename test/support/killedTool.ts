/**
 * Runs ctl_backups as a process of its own that is killed at a given step
 * (src/backup/faultPoint.ts).
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CTL_BACKUPS = fileURLToPath(new URL('../../bin/ctl_backups', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
}

/** `killAt` names the step, such as `move:copied`; with null the process runs to its end. */
export function runCtl(args: readonly string[], killAt: string | null): Ended {
  const env = killAt === null ? process.env : { ...process.env, CYRUS_BACKUPS_KILL_AT: killAt };
  const { status, signal, stdout, stderr } = spawnSync(CTL_BACKUPS, args, { env, encoding: 'utf8' });
  return { code: status, signal, out: stdout + stderr };
}
