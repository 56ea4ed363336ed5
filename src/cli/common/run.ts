/** Runs every tool, and turns errors into a line on standard error and a sysexits code. */
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import type { CliIo } from './io.ts';
import { processIo } from './standardOutput.ts';

/**
 * EX_TEMPFAIL: the originals' exit code whenever a backup could not be served, whatever the reason.
 */
export const BACKUP_FAILED = exitCodeOf.locked;

/**
 * EX_SOFTWARE: the tool has a bug (the error is no BackupError), or a program that the tool ran was
 * killed.
 */
export const SOFTWARE_FAILED = 70;

export function usageError(message: string): BackupError {
  return new BackupError('usage', message);
}

/**
 * Runs a command. Reports an error as `name: message`, followed by the usage if the command line
 * was wrong.
 */
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

/** Runs a command with this process's streams. */
export function runInProcess(
  run: (argv: readonly string[], io: CliIo) => Promise<number>,
  argv: readonly string[],
): Promise<number> {
  return run(argv, processIo);
}
