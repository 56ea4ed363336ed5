/** What backupd's server runs with: imapd.conf as ServerOptions, and the bounds that no option of Cyrus' names. */
import { hostname } from 'node:os';
import type { Catalog } from '../catalog/catalog.ts';
import { requirePasswdFile } from '../config/imapdConf.ts';
import type { Config } from '../config/imapdConf.ts';
import { offeredMechanisms } from '../server/auth/sasl.ts';
import { createVerifier } from '../server/auth/verifier.ts';
import type { Log, ServerOptions } from '../server/options.ts';
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
