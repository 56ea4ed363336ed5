/** What backupd's server runs with: imapd.conf as ServerOptions, and the bounds that no option of Cyrus' names. */
import { hostname } from 'node:os';
import type { Catalog } from '../catalog/catalog.ts';
import { requirePasswdFile } from '../config/imapdConf.ts';
import type { Config } from '../config/imapdConf.ts';
import { BackupError } from '../errors.ts';
import { NO_TLS } from '../server/auth/exchange.ts';
import { offeredMechanisms } from '../server/auth/sasl.ts';
import { createPasswords } from '../server/auth/verifier.ts';
import type { ListenAddress } from '../server/listener.ts';
import type { Log, ServerOptions } from '../server/options.ts';
import { TlsContext } from '../server/tls.ts';
import { tlsSettings } from './tlsSettings.ts';
import { VERSION } from './version.ts';

const MIB = 1 << 20;
/** docs/operations.md explains these. */
const OPEN_BACKUPS_PER_SESSION = 32;
const STAGING_MEMORY_BYTES = 8 * MIB;
const MAX_CONNECTIONS = 1000;
const LOCK_TIMEOUT_MS = 5000;
const LOGIN_TIMEOUT_MS = 60_000;
/** sync_client -r says RESTART before it sends the last of a round, and would hold that user's lock until the next. */
const RELEASE_TIMEOUT_MS = 2000;
const FAILED_LOGIN_LIMIT = 3;
const COMPRESSION_LEVEL = 6;

export function serverOptions(config: Config, catalog: Catalog, log: Log): ServerOptions {
  const rules = {
    mechList: config.sasl_mech_list,
    allowPlaintext: config.allowplaintext,
    isTlsRequired: config.tls_required,
    minimumLayer: config.sasl_minimum_layer,
  };
  const passwords = createPasswords({
    pwcheckMethods: config.sasl_pwcheck_method,
    passwdFile: requirePasswdFile(config),
    saslauthd: { socketPath: config.sasl_saslauthd_path, service: 'csync' },
  });
  const tls = tlsSettings(config);
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
    mechanisms: (security) => offeredMechanisms(rules, passwords, security),
    passwords,
    tls: tls === null ? null : new TlsContext(tls),
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

/** Throws BackupError 'config' where nobody could ever log in, or the port is to speak a TLS that is not set up. */
export function requireUsable(
  config: Config,
  options: ServerOptions,
  { isTls = false }: ListenAddress,
): void {
  const fail = (what: string): BackupError => new BackupError('config', `${config.file}: ${what}`);
  if (options.tls === null && isTls) throw fail('TLS from the first byte needs tls_server_cert');
  const atBest = options.tls === null ? NO_TLS : { layerBits: 256, clientUser: 'anybody' };
  if (options.mechanisms(atBest).length > 0) return;
  if (options.tls !== null) throw fail('sasl_mech_list and sasl_minimum_layer leave no way to log in');
  throw fail(
    'no way to log in can be offered: set tls_server_cert, make a password for SCRAM, or allowplaintext: yes',
  );
}
