/**
 * `backupd [-C imapd.conf] [--listen ADDRESS]...`: the server into which masters replicate with
 * sync_client.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import type { ListenAddress } from '../../server/bind.ts';
import { inheritedSockets, listenAddress, socketModeOf } from './listen.ts';
import { BackupdServer, loadServerConfig } from './server.ts';
import { DEFAULT_CONFIG } from '../common/catalogOptions.ts';
import { feedWatchdog, tellSupervisor } from '../common/supervisor.ts';
import { VERSION } from '../common/version.ts';

const DEFAULT_LISTEN = 'localhost:2005';
const DEFAULT_SOCKET_MODE = '0660';

const USAGE = `usage: backupd [-C imapd.conf] [--listen ADDRESS]... [--socket-mode MODE]

  -C, --config FILE   configuration (default ${DEFAULT_CONFIG})
  --listen HOST:PORT  where to listen (default ${DEFAULT_LISTEN}, the csync port; port 0: one that is free);
                      with /tls: TLS from the first byte; a path: a unix socket; may be given several times
  --socket-mode MODE  of unix sockets (default ${DEFAULT_SOCKET_MODE})
  --version, -h, --help

Cyrus masters replicate into it with sync_client; see backupd(8).
`;

export async function main(args: string[]): Promise<number> {
  try {
    const parsed = parse(args);
    if (parsed.text !== null) {
      process.stdout.write(parsed.text);
      return 0;
    }
    await serve(parsed);
    return 0;
  } catch (error) {
    process.stderr.write(`backupd: ${messageOf(error)}\n`);
    return exitCodeOf[error instanceof BackupError ? error.kind : 'io'];
  }
}

interface Arguments {
  readonly config: string;
  readonly addresses: readonly ListenAddress[];
  readonly text: string | null;
}

function parse(args: string[]): Arguments {
  const options = {
    config: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
    listen: { type: 'string', multiple: true, default: [] as string[] },
    'socket-mode': { type: 'string', default: DEFAULT_SOCKET_MODE },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
  } as const;
  try {
    const { values } = parseArgs({ args, options });
    const text = values.help === true ? USAGE : values.version === true ? `backupd ${VERSION}\n` : null;
    const mode = socketModeOf(values['socket-mode']);
    const inherited = inheritedSockets(process.env, process.pid);
    const wanted = values.listen.length > 0 || inherited.length > 0 ? values.listen : [DEFAULT_LISTEN];
    const addresses = [...inherited, ...wanted.map((address) => listenAddress(address, mode))];
    return { config: values.config, addresses, text };
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError('usage', `${messageOf(error)}\n${USAGE}`);
  }
}

/**
 * The garbage that V8 allows before it collects, in per cent of the live data. By default, garbage
 * may grow to several times the live data. With this setting, memory is bounded by the live data,
 * which has its own limits.
 */
const HEAP_GROWING_PERCENT = 50;

async function serve({ config, addresses }: Arguments): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const server = new BackupdServer(loadServerConfig(config), addresses);
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
    server.log.info(`${signal}: finishing the commands in hand`);
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
