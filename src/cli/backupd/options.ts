/**
 * Converts imapd.conf to the server's options, and checks that clients can use the server.
 */
import { COMPRESSION_LEVEL } from '../../backup/options.ts';
import { hostname } from 'node:os';
import type { Catalog } from '../../catalog/catalog.ts';
import { requireConfigDirectory, requirePasswdFile } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError } from '../../errors.ts';
import { NO_TLS } from '../../server/auth/exchange.ts';
import { offeredMechanisms } from '../../server/auth/sasl.ts';
import { createPasswords } from '../../server/auth/verifier.ts';
import { isTlsFromStart } from '../../server/bind.ts';
import type { ListenAddress } from '../../server/bind.ts';
import { wireLimits } from './limits.ts';
import type { DiskSpace } from '../../server/limits/diskSpace.ts';
import type { HostLimits } from '../../server/limits/hostLimits.ts';
import type { Memory } from '../../server/limits/memory.ts';
import type { Log, ServerOptions } from '../../server/options.ts';
import { TlsContext } from '../../server/tls/tls.ts';
import { tlsSettings } from './tlsSettings.ts';
import { VERSION } from '../common/version.ts';

/** The default of sync_timeout, as in Cyrus (lib/imapoptions). */
const LEAST_IDLE_S = 3;

/** Limits that all sessions share. A reload changes them in place. */
export interface SharedLimits {
  readonly hosts: HostLimits;
  readonly disk: DiskSpace;
  readonly memory: Memory;
}

export function serverOptions(
  config: Config,
  catalog: Catalog,
  log: Log,
  shared: SharedLimits,
): ServerOptions {
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
  const idleTimeoutMs = Math.max(config.sync_timeout, LEAST_IDLE_S) * 1000;
  return {
    serverName: config.servername ?? hostname(),
    version: VERSION,
    catalog,
    log,
    backups: {
      stagingDirectory: config.backup_staging_path,
      compressionLevel: COMPRESSION_LEVEL,
      lockTimeoutMs: config.backup_lock_timeout * 1000,
      deletedPrefix: config.deletedprefix,
      openBackups: config.backup_max_open_backups,
    },
    mechanisms: (security) => offeredMechanisms(rules, passwords, security),
    passwords,
    tls: tls === null ? null : new TlsContext(tls),
    admins: config.admins,
    stagingMemoryBytes: config.backup_staging_memory,
    limits: wireLimits(config),
    maxConnections: config.backup_max_connections,
    ...shared,
    telemetryDirectory: `${requireConfigDirectory(config)}/log`,
    loginTimeoutMs: config.backup_login_timeout * 1000,
    idleTimeoutMs,
    writeTimeoutMs: Math.min(config.backup_write_timeout * 1000, idleTimeoutMs),
    commandTimeoutMs: config.backup_command_timeout * 1000,
    releaseTimeoutMs: config.backup_release_timeout * 1000,
    failedLoginPauseMs: config.failedloginpause * 1000,
    failedLoginLimit: config.backup_max_failed_logins,
  };
}

/**
 * Throws BackupError 'config' if nobody could ever log in, or if a TLS port has no certificate.
 */
export function requireUsable(
  config: Config,
  options: ServerOptions,
  addresses: readonly ListenAddress[],
): void {
  const isTls = addresses.some(isTlsFromStart);
  const fail = (what: string): BackupError => new BackupError('config', `${config.file}: ${what}`);
  if (options.tls === null && isTls) throw fail('TLS from the first byte needs tls_server_cert');
  const atBest = options.tls === null ? NO_TLS : { layerBits: 256, clientUser: 'anybody' };
  if (options.mechanisms(atBest).length > 0) return;
  if (options.tls !== null) throw fail('sasl_mech_list and sasl_minimum_layer leave no way to log in');
  throw fail(
    'no way to log in can be offered: set tls_server_cert, make a password for SCRAM, or allowplaintext: yes',
  );
}
