/**
 * Mounts in the background. The command starts a second process of itself, detached from the
 * terminal. It returns when the second process reports that the mount is in place, or that it
 * failed and why.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { BackupError, asBackupError } from '../../src/errors.ts';

export type DaemonMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string; readonly exitCode: number };

/**
 * An environment variable set for the background process. It makes that process mount, instead of
 * starting another process.
 */
const MARK = 'CYRUS_BACKUPS_MOUNTING';

export function isBackgroundProcess(): boolean {
  return process.env[MARK] !== undefined;
}

/**
 * Starts the background process and resolves to the exit code. Passes that process's error message
 * to `complain`.
 */
export async function mountInBackground(
  logFile: string | undefined,
  complain: (line: string) => void,
): Promise<number> {
  const log = logFile === undefined ? undefined : openLog(logFile);
  const command = [...process.execArgv, ...process.argv.slice(1)];
  const output = log ?? 'ignore';
  const env = { ...process.env, [MARK]: '1' };
  const child = spawn(process.execPath, command, {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
    env,
  });
  if (log !== undefined) closeSync(log);
  const message = await new Promise<DaemonMessage>((resolve, reject) => {
    const fail = (why: string): void => reject(new BackupError('io', `the mounting process ${why}`));
    child.on('message', (message) => resolve(message as DaemonMessage));
    child.on('error', (error) => fail(`could not be started: ${error.message}`));
    child.on('exit', (code, signal) => fail(`ended before the mount was in place (${signal ?? code})`));
  });
  if (child.connected) child.disconnect();
  child.unref();
  if (message.type === 'ready') return 0;
  complain(message.message);
  return message.exitCode;
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw asBackupError(error, `cannot open the log ${path}`);
  }
}

/**
 * In the background process, reports the message to the process that started it. In any other
 * process, does nothing.
 */
export async function reportToStarter(message: DaemonMessage): Promise<void> {
  if (process.send === undefined || !process.connected) return;
  await new Promise((resolve) => process.send?.(message, resolve));
  if (process.connected) process.disconnect();
  // The process leaves the folder in which it was started, so that this folder can be unmounted or
  // removed.
  process.chdir('/');
}
