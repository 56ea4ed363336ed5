/** `backupd [-C imapd.conf] [--listen host:port[/tls]]`: the server that masters' sync_client replicates into. */
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Catalog } from '../catalog/catalog.ts';
import { loadConfig, requireServerConfig } from '../config/imapdConf.ts';
import type { Config } from '../config/imapdConf.ts';
import { BackupError, exitCodeOf, messageOf } from '../errors.ts';
import { DiskSpace } from '../server/diskSpace.ts';
import { HostLimits } from '../server/hostLimits.ts';
import { Listener } from '../server/listener.ts';
import type { ListenAddress } from '../server/listener.ts';
import { diskSpaceOptions, hostLimitOptions } from './backupdLimits.ts';
import { requireUsable, serverOptions } from './backupdOptions.ts';
import { DEFAULT_CONFIG, writableCatalog } from './catalogOptions.ts';
import { createLog } from './log.ts';
import { VERSION } from './version.ts';

const USAGE = `usage: backupd [-C imapd.conf] [--listen host:port[/tls]]

  -C, --config FILE   configuration (default ${DEFAULT_CONFIG})
  --listen HOST:PORT  where to listen (default localhost:2005, the csync port; port 0: one that is free);
                      with /tls: TLS from the first byte
  --version, -h, --help

Cyrus masters replicate into it with sync_client; see backupd(8).
`;

const DEFAULT_LISTEN = 'localhost:2005';

export async function main(args: string[]): Promise<number> {
  try {
    const parsed = parse(args);
    if (parsed.text !== null) {
      process.stdout.write(parsed.text);
      return 0;
    }
    await serve(loadConfig(parsed.config, { service: 'backupd' }), parsed.listen);
    return 0;
  } catch (error) {
    process.stderr.write(`backupd: ${messageOf(error)}\n`);
    return exitCodeOf[error instanceof BackupError ? error.kind : 'io'];
  }
}

interface Arguments {
  readonly config: string;
  readonly listen: ListenAddress;
  readonly text: string | null;
}

function parse(args: string[]): Arguments {
  const options = {
    config: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
    listen: { type: 'string', default: DEFAULT_LISTEN },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
  } as const;
  try {
    const { values } = parseArgs({ args, options });
    const text = values.help === true ? USAGE : values.version === true ? `backupd ${VERSION}\n` : null;
    return { config: values.config, listen: listenAddress(values.listen), text };
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError('usage', `${messageOf(error)}\n${USAGE}`);
  }
}

function listenAddress(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})(\/tls)?$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new BackupError('usage', `--listen ${text}: host:port is expected, or host:port/tls`);
  return { host: match[1] ?? match[2] ?? '', port, isTls: match[4] !== undefined };
}

async function serve(config: Config, listen: ListenAddress): Promise<void> {
  requireServerConfig(config);
  const log = createLog(config.syslog_prefix ?? 'backupd', config.debug, (line) =>
    process.stderr.write(line),
  );
  mkdirSync(config.backup_staging_path, { recursive: true, mode: 0o700 });
  const catalog = Catalog.open(writableCatalog(config));
  const options = serverOptions(config, catalog, log, {
    hosts: new HostLimits(hostLimitOptions(config)),
    disk: new DiskSpace(diskSpaceOptions(config)),
  });
  requireUsable(config, options, listen);
  const listener = new Listener(options);
  const bound = await listener.listen(listen);
  process.stderr.write(`backupd: listening on ${bound.host}:${bound.port}\n`);
  const signal = await stopSignal();
  log.info(`${signal}: finishing the commands in hand`);
  await listener.stop();
  catalog.close();
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}
