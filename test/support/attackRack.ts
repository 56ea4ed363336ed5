/**
 * Measures what an attack that stays within the limits costs others: the delays of a victim
 * (victim.ts), and the server's memory. The limits are the defaults.
 */
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { BackupServer } from './backupdDaemon.ts';

const VICTIM = new URL('./victim.js', import.meta.url);
const LEAST_MS = 500;
const MONITOR = new URL('./turnMonitor.js', import.meta.url);

/** Starts a server whose turns of the event loop are measured (turnMonitor.ts). */
export async function startMonitored(): Promise<BackupServer> {
  const before = { ...process.env };
  const backup = await BackupServer.start();
  await backup.kill();
  process.env['NODE_OPTIONS'] = `--import ${MONITOR.href}`;
  process.env['CYRUS_BACKUPS_TURNS'] = turnsPath(backup.folder);
  try {
    await backup.startAgain();
  } finally {
    process.env = before;
  }
  return backup;
}

function turnsPath(folder: string): string {
  return join(folder, 'turns');
}

export interface Damage {
  readonly attackMs: number;
  /** Number of commands that the victim sent. */
  readonly commands: number;
  /** The longest time that one of them took. */
  readonly longestMs: number;
  readonly over100Ms: number;
  /** The longest turn: processor time for which the server worked without polling its sockets. */
  readonly turnMs: number;
  /** Peak memory of the server's process during the attack. */
  readonly peakMiB: number;
}

/** Resets the server's peak memory, so that an earlier attack does not count. */
function resetPeak({ pid }: BackupServer): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function peakMiB({ pid }: BackupServer): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
}

/** Runs the attack beside the victim. Throws if a command of the victim is not answered with OK. */
export async function attackBeside(backup: BackupServer, attack: () => Promise<unknown>): Promise<Damage> {
  const victim = new Worker(VICTIM, { workerData: backup.address });
  const failed = once(victim, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  await Promise.race([once(victim, 'message'), failed]);
  resetPeak(backup);
  rmSync(turnsPath(backup.folder), { force: true });
  await sleep(20);
  const started = performance.now();
  await Promise.race([Promise.all([attack(), sleep(LEAST_MS)]), failed]);
  const attackMs = performance.now() - started;
  const reported = once(victim, 'message');
  victim.postMessage('end');
  const [timesMs] = (await Promise.race([reported, failed])) as [number[]];
  return {
    attackMs,
    commands: timesMs.length,
    longestMs: Math.max(...timesMs),
    over100Ms: timesMs.filter((ms) => ms > 100).length,
    turnMs: Number(readFileSync(turnsPath(backup.folder), 'latin1')),
    peakMiB: peakMiB(backup),
  };
}

/** Describes the damage for people, and for docs/development/performance.md. */
export function damageText(
  what: string,
  { attackMs, commands, longestMs, over100Ms, turnMs, peakMiB: peak }: Damage,
): string {
  return (
    `      ${what}: ${(attackMs / 1000).toFixed(1)} s; of ${commands} commands beside it the longest took ` +
    `${longestMs.toFixed(0)} ms, ${over100Ms} over 100 ms; longest turn ${turnMs.toFixed(0)} ms; ${peak.toFixed(0)} MiB at most\n`
  );
}
