/**
 * Converts the keys of imapd.conf that limit backupd's peers (src/config/limitKeys.ts) to the
 * server's options.
 */
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { defaultLimits } from '../../protocol/limits.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { DiskSpaceOptions } from '../../server/limits/diskSpace.ts';
import { unlimitedHosts } from '../../server/limits/hostLimits.ts';
import type { HostLimitOptions } from '../../server/limits/hostLimits.ts';
import type { MemoryOptions } from '../../server/limits/memory.ts';

/**
 * The nesting depth has no key in imapd.conf: no master needs more, and no peer should get more.
 */
export function wireLimits(config: Config): Limits {
  return {
    lineBytes: config.backup_max_command,
    commandBytes: config.backup_max_command,
    literalBytes: config.backup_max_literal,
    messageBytes: config.backup_max_message,
    depth: defaultLimits.depth,
    items: config.backup_max_values,
    listItems: defaultLimits.listItems,
    drainBytes: config.backup_max_discard,
  };
}

/** Throws BackupError 'config', with a message that names the file. */
export function hostLimitOptions(config: Config): HostLimitOptions {
  requireNetworks(config);
  return {
    connections: config.backup_max_connections_per_host,
    failedLogins: config.backup_max_failed_logins_per_host,
    failedLoginWindowMs: config.backup_failed_login_window * 1000,
    unlimited: config.backup_unlimited_hosts,
  };
}

export function diskSpaceOptions(config: Config): DiskSpaceOptions {
  return {
    reserveBytes: config.backup_disk_reserve,
    stagingDirectory: config.backup_staging_path,
    partitions: [...config.backuppartitions.values()],
  };
}

export function memoryOptions(config: Config): MemoryOptions {
  return {
    totalBytes: config.backup_memory,
    waitMs: config.backup_lock_timeout * 1000,
    silentMs: config.backup_release_timeout * 1000,
  };
}

function requireNetworks(config: Config): void {
  try {
    unlimitedHosts(config.backup_unlimited_hosts);
  } catch (error) {
    throw new BackupError('config', `${config.file}: ${messageOf(error)}`, { cause: error });
  }
}
