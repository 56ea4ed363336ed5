/**
 * What every tool does around its work: errors become a line on standard error and a sysexits code.
 */
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import type { CliIo } from './io.ts';
import { processIo } from './standardOutput.ts';

/** EX_TEMPFAIL: what the originals answer whenever a backup could not be served, for whatever reason. */
export const BACKUP_FAILED = exitCodeOf.locked;

/** EX_SOFTWARE: what was thrown is no error of the user's or the system's but a bug, or a program that was run was killed. */
export const SOFTWARE_FAILED = 70;

export function usageError(message: string): BackupError {
  return new BackupError('usage', message);
}

/** Runs a command; a thrown error is reported as `name: message`, with the usage where that was wrong. */
export async function guarded(
  name: string,
  usage: string,
  io: CliIo,
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    io.stderr.write(`${name}: ${messageOf(error)}\n`);
    if (!(error instanceof BackupError)) return SOFTWARE_FAILED;
    if (error.kind === 'usage') io.stderr.write(usage);
    return exitCodeOf[error.kind];
  }
}

/** Calls a command with this process's streams. */
export function runInProcess(
  run: (argv: readonly string[], io: CliIo) => Promise<number>,
  argv: readonly string[],
): Promise<number> {
  return run(argv, processIo);
}
