/**
 * `cyrus-backups COMMAND ...`: commands that the originals do not have. The command comes first,
 * and its options follow: each command has its own (subcommands.ts).
 */
import { wrongUsage } from '../common/commandLine/parse.ts';
import { guarded, runProgram } from '../common/run.ts';
import { processIo } from '../common/standardOutput.ts';
import { cyrusBackups } from './program.ts';
import { SUBCOMMANDS } from './subcommands.ts';
import type { PasswdIo } from './passwd.ts';

export function main(args: string[]): Promise<number> {
  return runCyrusBackups(args, processIo);
}

/** Resolves to the exit code. */
export function runCyrusBackups(argv: readonly string[], io: PasswdIo): Promise<number> {
  const [first = '', ...rest] = argv;
  const [second = ''] = rest;
  if (first === 'help' && Object.hasOwn(SUBCOMMANDS, second)) return runCyrusBackups([second, '--help'], io);
  const own = Object.hasOwn(SUBCOMMANDS, first) ? SUBCOMMANDS[first] : undefined;
  if (own === undefined) {
    if (!first.startsWith('-') || /^(-h|--help|--version)$/.test(first)) {
      return runProgram(cyrusBackups, argv, io, () => 0);
    }
    return guarded(cyrusBackups.name, io, () => {
      throw wrongUsage(cyrusBackups, `${first} comes after the command: cyrus-backups COMMAND ${first} ...`);
    });
  }
  return runProgram(own.program, rest, io, async (parsed) => (await own.load())(parsed, io));
}
