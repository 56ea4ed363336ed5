/**
 * Computes how far back a user's backup is kept, from imapd.conf and from the retention rules of
 * users and domains.
 */
import { requireBackupDatabase } from './imapdConf.ts';
import type { Config } from './imapdConf.ts';
import { RetentionRules } from './retentionRules.ts';

export function retentionRules(config: Config): RetentionRules {
  return new RetentionRules(requireBackupDatabase(config));
}

/**
 * Returns the time, in unix seconds, from which on the user's history is kept; undefined means
 * that everything is kept. A data file whose user is unknown gets the default retention. `nowS` is
 * the time that counts as now.
 */
export function retainedSince(
  config: Config,
  userid: string | null,
  rules: RetentionRules,
  nowS = Math.floor(Date.now() / 1000),
): number | undefined {
  if (userid !== null && rules.holdOf(userid) !== null) return undefined;
  const seconds =
    userid === null ? config.backup_retention : rules.secondsOf(userid, config.backup_retention);
  return seconds > 0 ? nowS - seconds : undefined;
}
