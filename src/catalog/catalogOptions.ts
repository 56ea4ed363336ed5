/**
 * Builds the catalogue's options from imapd.conf, for the daemon, the tools and the mount alike.
 */
import { loadConfig, requireBackupDatabase, requirePartitions } from '../config/imapdConf.ts';
import type { Config } from '../config/imapdConf.ts';
import type { CatalogOptions } from './catalog.ts';
import { retentionRules } from '../config/retentionRules.ts';

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
