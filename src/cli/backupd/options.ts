/**
 * Converts imapd.conf to the server's options.
 */
import { COMPRESSION_LEVEL } from '../../backup/options.ts';
import { hostname } from 'node:os';
import type { Catalog } from '../../catalog/catalog.ts';
import { requireBackupDatabase, requireConfigDirectory } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { checkpointElsewhere } from '../../index/checkpoint/checkpointer.ts';
import { wireLimits } from './limits.ts';
import type { Alarms, AlarmOptions } from '../../server/alarm/alarms.ts';
import type { DiskSpace } from '../../server/limits/diskSpace.ts';
import type { HostLimits } from '../../server/limits/hostLimits.ts';
import type { Memory } from '../../server/limits/memory.ts';
import type { Log } from '../../logging/events.ts';
import type { ServerOptions } from '../../server/options.ts';
import type { StatusWriter } from '../../status/statusWriter.ts';
import { TlsContext } from '../../server/tls/tls.ts';
import { loginMethods } from './login.ts';
import { tlsSettings } from './tlsSettings.ts';
import { VERSION } from '../common/version.ts';

/** The default of sync_timeout, as in Cyrus (lib/imapoptions). */
const LEAST_IDLE_S = 3;

/** Limits that all sessions share. A reload changes them in place. */
export interface SharedLimits {
  readonly hosts: HostLimits;
  readonly disk: DiskSpace;
  readonly memory: Memory;
  readonly status: StatusWriter;
  readonly alarms: Alarms;
}

export function alarmOptions(config: Config, catalog: Catalog, log: Log, status: StatusWriter): AlarmOptions {
  const command = config.backup_alarm_command ?? [];
  return {
    databasePath: requireBackupDatabase(config),
    catalog,
    status,
    deletedPrefix: config.deletedprefix,
    leastMessages: config.backup_alarm_messages,
    command: command.length === 0 ? undefined : command,
    log: {
      alarm: (fields) => log.write('alarm', fields),
      hookFailed: (reason) => log.write('alarm-command', { reason }),
    },
  };
}

export function serverOptions(
  config: Config,
  catalog: Catalog,
  log: Log,
  shared: SharedLimits,
): ServerOptions {
  const { passwords, mechanisms } = loginMethods(config);
  const tls = tlsSettings(config);
  const idleTimeoutMs = Math.max(config.sync_timeout, LEAST_IDLE_S) * 1000;
  return {
    serverName: config.servername ?? hostname(),
    version: VERSION,
    catalog,
    log,
    backups: {
      stagingDirectory: config.backup_staging_path,
      checkpoint: checkpointElsewhere,
      compressionLevel: COMPRESSION_LEVEL,
      lockTimeoutMs: config.backup_lock_timeout * 1000,
      deletedPrefix: config.deletedprefix,
      openBackups: config.backup_max_open_backups,
    },
    mechanisms,
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
