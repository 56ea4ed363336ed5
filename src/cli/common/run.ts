/** Runs every tool, and turns errors into a line on standard error and a sysexits code. */
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import { SOFTWARE_FAILED } from './exitCodes.ts';
import type { CliIo, Output } from './io.ts';
import { processIo } from './standardOutput.ts';
import { parseCommandLine } from './commandLine/parse.ts';
import type { Parsed } from './commandLine/parse.ts';
import type { Options, Program } from './commandLine/program.ts';

export function usageError(message: string): BackupError {
  return new BackupError('usage', message);
}

/** Runs a command. Reports an error as `name: message`. Resolves to the exit code. */
export async function guarded(
  name: string,
  io: { readonly stderr: Output },
  work: () => Promise<number> | number,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    io.stderr.write(`${name}: ${messageOf(error)}\n`);
    return error instanceof BackupError ? exitCodeOf[error.kind] : SOFTWARE_FAILED;
  }
}

/**
 * Parses the command line and runs the program; answers `--help` and `--version` itself. Resolves
 * to the exit code.
 */
export function runProgram<O extends Options, C extends string>(
  program: Program<O, C>,
  argv: readonly string[],
  io: CliIo,
  run: (parsed: Parsed<O, C>) => Promise<number> | number,
): Promise<number> {
  return guarded(program.name, io, async () => {
    const line = parseCommandLine(program, argv);
    if (line.kind === 'run') return run(line);
    if (line.kind === 'help') {
      const { helpText } = await import('./commandLine/help.ts');
      io.stdout.write(helpText(program, line.command));
    } else {
      const { VERSION } = await import('./version.ts');
      const [name] = program.name.split(' ');
      io.stdout.write(`${name}${name === 'cyrus-backups' ? '' : ' (cyrus-backups)'} ${VERSION}\n`);
    }
    return 0;
  });
}

/** Runs a command with this process's streams. */
export function runInProcess(
  run: (argv: readonly string[], io: CliIo) => Promise<number>,
  argv: readonly string[],
): Promise<number> {
  return run(argv, processIo);
}
