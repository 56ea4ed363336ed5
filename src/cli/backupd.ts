/** `backupd [-C imapd.conf] [--listen host:port]`: the server that masters' sync_client replicates into. */
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { Catalog } from '../catalog/catalog.ts';
import { loadConfig, requirePasswdFile, requireServerConfig } from '../config/imapdConf.ts';
import type { Config } from '../config/imapdConf.ts';
import { BackupError, exitCodeOf, messageOf } from '../errors.ts';
import { offeredMechanisms } from '../server/auth/sasl.ts';
import { createVerifier } from '../server/auth/verifier.ts';
import { Listener } from '../server/listener.ts';
import type { ListenAddress } from '../server/listener.ts';
import type { Log, ServerOptions } from '../server/options.ts';
import { DEFAULT_CONFIG, writableCatalog } from './catalogOptions.ts';
import { createLog } from './log.ts';
import { VERSION } from './version.ts';

const USAGE = `usage: backupd [-C imapd.conf] [--listen host:port]

  -C, --config FILE   configuration (default ${DEFAULT_CONFIG})
  --listen HOST:PORT  where to listen (default localhost:2005, the csync port; port 0: one that is free)
  --version, -h, --help

Cyrus masters replicate into it with sync_client; see backupd(8).
`;

const DEFAULT_LISTEN = 'localhost:2005';
const MIB = 1 << 20;
/** Bounds that no option of Cyrus' names; docs/operations.md explains them. */
const OPEN_BACKUPS_PER_SESSION = 32;
const STAGING_MEMORY_BYTES = 8 * MIB;
const MAX_CONNECTIONS = 1000;
const LOCK_TIMEOUT_MS = 5000;
const LOGIN_TIMEOUT_MS = 60_000;
/** sync_client -r says RESTART before it sends the last of a round, and would hold that user's lock until the next. */
const RELEASE_TIMEOUT_MS = 2000;
const FAILED_LOGIN_LIMIT = 3;
const COMPRESSION_LEVEL = 6;

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
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new BackupError('usage', `--listen ${text}: host:port is expected`);
  return { host: match[1] ?? match[2] ?? '', port };
}

async function serve(config: Config, listen: ListenAddress): Promise<void> {
  requireServerConfig(config);
  const log = createLog(config.syslog_prefix ?? 'backupd', config.debug, (line) =>
    process.stderr.write(line),
  );
  mkdirSync(config.backup_staging_path, { recursive: true, mode: 0o700 });
  const catalog = Catalog.open(writableCatalog(config));
  const options = serverOptions(config, catalog, log);
  if (options.mechanisms().length === 0) {
    throw new BackupError(
      'config',
      `${config.file}: no authentication mechanism can be offered; without TLS, allowplaintext: yes is needed`,
    );
  }
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

function serverOptions(config: Config, catalog: Catalog, log: Log): ServerOptions {
  const rules = {
    mechList: config.sasl_mech_list,
    isEncrypted: false,
    allowPlaintext: config.allowplaintext,
    minimumLayer: config.sasl_minimum_layer,
  };
  return {
    serverName: config.servername ?? hostname(),
    version: VERSION,
    catalog,
    log,
    backups: {
      stagingDirectory: config.backup_staging_path,
      compressionLevel: COMPRESSION_LEVEL,
      lockTimeoutMs: LOCK_TIMEOUT_MS,
      deletedPrefix: config.deletedprefix,
      openBackups: OPEN_BACKUPS_PER_SESSION,
    },
    mechanisms: () => offeredMechanisms(rules),
    verifyPassword: createVerifier({
      pwcheckMethods: config.sasl_pwcheck_method,
      passwdFile: requirePasswdFile(config),
      saslauthd: { socketPath: config.sasl_saslauthd_path, service: 'csync' },
    }),
    admins: config.admins,
    stagingMemoryBytes: STAGING_MEMORY_BYTES,
    maxConnections: MAX_CONNECTIONS,
    loginTimeoutMs: LOGIN_TIMEOUT_MS,
    idleTimeoutMs: config.sync_timeout * 1000,
    releaseTimeoutMs: RELEASE_TIMEOUT_MS,
    failedLoginPauseMs: config.failedloginpause * 1000,
    failedLoginLimit: FAILED_LOGIN_LIMIT,
  };
}
