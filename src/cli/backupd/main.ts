/**
 * `backupd [-C imapd.conf] [--listen ADDRESS]...`: the server into which masters replicate with
 * sync_client.
 */
import { setFlagsFromString } from 'node:v8';
import type { ListenAddress } from '../../server/bind.ts';
import { inheritedSockets, listenAddress, listenAddresses, socketModeOf } from './listen.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import { runProgram } from '../common/run.ts';
import { processIo } from '../common/standardOutput.ts';
import { backupd } from './program.ts';
import { feedWatchdog, tellSupervisor } from '../common/supervisor.ts';

export function main(args: string[]): Promise<number> {
  return runProgram(backupd, args, processIo, async (line) => {
    await serve(interpret(line));
    return 0;
  });
}

interface Arguments {
  readonly config: string;
  /** The addresses that the command line and systemd name; backup_listen is used without them. */
  readonly addresses: readonly ListenAddress[];
  /** The mode of unix sockets. */
  readonly mode: number;
}

function interpret({ values }: Parsed<(typeof backupd)['options']>): Arguments {
  const mode = socketModeOf(values.socketMode);
  const inherited = inheritedSockets(process.env, process.pid);
  const addresses = [...inherited, ...values.listen.map((address) => listenAddress(address, mode))];
  return { config: values.config, addresses, mode };
}

/**
 * The garbage that V8 allows before it collects, in per cent of the live data. By default, garbage
 * may grow to several times the live data. With this setting, memory is bounded by the live data,
 * which has its own limits.
 */
const HEAP_GROWING_PERCENT = 50;

async function serve({ config, addresses: given, mode }: Arguments): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const { BackupdServer, loadServerConfig } = await import('./server.ts');
  const settings = loadServerConfig(config);
  const addresses = given.length > 0 ? given : listenAddresses(settings, mode);
  const server = new BackupdServer(settings, addresses);
  const stopped = stopSignal();
  process.on('SIGHUP', () => {
    tellSupervisor('RELOADING=1');
    server.reload();
    tellSupervisor('READY=1');
  });
  try {
    await server.listen();
    tellSupervisor('READY=1');
    feedWatchdog();
    const signal = await stopped;
    tellSupervisor('STOPPING=1');
    server.log.write('stopping', { signal });
  } finally {
    await server.stop();
  }
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}
