/**
 * Builds the catalogue's options from imapd.conf, for the daemon, the tools and the mount alike.
 */
import { existsSync } from 'node:fs';
import { loadConfig, requireBackupDatabase, requirePartitions } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import type { CatalogOptions } from '../../catalog/catalog.ts';
import { retentionRules } from './retainedSince.ts';

/** Where an installation keeps a configuration of its own, apart from that of a Cyrus server. */
const OWN_CONFIG = '/etc/cyrus-backups/imapd.conf';

/** The default path of imapd.conf: our own, or where there is none, the one of Cyrus. */
export const DEFAULT_CONFIG = existsSync(OWN_CONFIG) ? OWN_CONFIG : '/etc/imapd.conf';

/**
 * Returns the catalogue options for programs that create or change backups. imapd.conf must name
 * partitions. Throws 'config'.
 */
export function writableCatalog(config: Config): CatalogOptions {
  return {
    ...readOnlyCatalog(config),
    partitions: requirePartitions(config),
    readOnly: false,
    partitionsNow: () => partitionsIn(config.file),
    beforeRename: (from, to) => retentionRules(config).carry(from, to, config.backup_retention),
    afterRename: (from) => retentionRules(config).forget(from),
  };
}

/**
 * Reads the partitions from imapd.conf again. An administrator may have added a partition, and
 * moved a backup to it, after backupd was started.
 */
function partitionsIn(file: string): string[] {
  try {
    return [...loadConfig(file).backuppartitions.values()];
  } catch {
    return [];
  }
}

/** Returns the catalogue options for programs that only read backups. Throws 'config'. */
export function readOnlyCatalog(config: Config): CatalogOptions {
  return {
    databasePath: requireBackupDatabase(config),
    fullDirHash: config.fulldirhash,
    partitions: config.backuppartitions,
    mode: config.partition_select_mode,
    exclude: config.partition_select_exclude,
    softUsageLimitPercent: config.partition_select_soft_usage_limit,
    usageReinit: config.partition_select_usage_reinit,
    readOnly: true,
  };
}
