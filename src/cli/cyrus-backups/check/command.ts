/** Runs `cyrus-backups check` with a parsed command line. */
import { listenAddress } from '../../backupd/listen.ts';
import type { Parsed } from '../../common/commandLine/parse.ts';
import type { CliIo } from '../../common/io.ts';
import { runProgram } from '../../common/run.ts';
import { checkProgram } from '../programs/check.ts';
import { runCheck } from './check.ts';
import { runNagios } from './nagios.ts';

const SOCKET_MODE = 0o660;

/** Resolves to the exit code. `argv` holds the arguments after `check`. */
export function runCheckCommand(argv: readonly string[], io: CliIo): Promise<number> {
  return runProgram(checkProgram, argv, io, (parsed) => checkSite(parsed, io));
}

/** Resolves to the exit code. */
export function checkSite({ values }: Parsed<(typeof checkProgram)['options']>, io: CliIo): Promise<number> {
  if (values.isNagios) return runNagios(values, io);
  const addresses = values.listen.map((text) => listenAddress(text, SOCKET_MODE));
  return runCheck({ config: values.config, addresses, isJson: values.json, isQuiet: values.isQuiet }, io);
}
