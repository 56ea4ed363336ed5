/** The command line of `cyrus-backups check`. */
import { parseArgs } from 'node:util';
import { exitCodeOf, messageOf } from '../../../errors.ts';
import { listenAddress } from '../../backupd/listen.ts';
import { DEFAULT_CONFIG } from '../../common/catalogOptions.ts';
import type { CliIo } from '../../common/io.ts';
import { runCheck } from './check.ts';
import type { CheckOutput } from './check.ts';

const USAGE = 'usage: cyrus-backups check [-C imapd.conf] [--listen ADDRESS]... [--json] [-q]\n';
/** Where backupd listens unless it is told otherwise. */
const DEFAULT_LISTEN = 'localhost:2005';
const SOCKET_MODE = 0o660;

/** Resolves to the exit code. `argv` holds the arguments after `check`. */
export async function runCheckCommand(argv: readonly string[], io: CliIo): Promise<number> {
  let options: CheckOutput;
  try {
    options = parse(argv);
  } catch (error) {
    io.stderr.write(`cyrus-backups check: ${messageOf(error)}\n${USAGE}`);
    return exitCodeOf.usage;
  }
  return runCheck(options, io);
}

function parse(argv: readonly string[]): CheckOutput {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
      listen: { type: 'string', multiple: true, default: [DEFAULT_LISTEN] },
      json: { type: 'boolean', default: false },
      quiet: { type: 'boolean', short: 'q', default: false },
    },
  });
  const addresses = values.listen.map((text) => listenAddress(text, SOCKET_MODE));
  return { config: values.config, addresses, isJson: values.json, isQuiet: values.quiet };
}
