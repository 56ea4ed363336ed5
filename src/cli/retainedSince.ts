/** How far back a user's backup is to be kept: by imapd.conf, and by the rules of users and domains. */
import { requireBackupDatabase } from '../config/imapdConf.ts';
import type { Config } from '../config/imapdConf.ts';
import { RetentionRules } from '../config/retentionRules.ts';

export function retentionRules(config: Config): RetentionRules {
  return new RetentionRules(requireBackupDatabase(config));
}

/**
 * The time from which on everything of a user's is kept, in unix seconds; -1: all of it. A file whose user is not known has the default.
 * `nowS`: what counts as now.
 */
export function retainedSince(
  config: Config,
  userid: string | null,
  rules: RetentionRules,
  nowS = Math.floor(Date.now() / 1000),
): number {
  if (userid !== null && rules.holdOf(userid) !== null) return -1;
  const seconds =
    userid === null ? config.backup_retention : rules.secondsOf(userid, config.backup_retention);
  return seconds > 0 ? nowS - seconds : -1;
}
