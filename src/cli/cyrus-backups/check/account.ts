/** Finds the account that the store belongs to. */
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { requireBackupDatabase } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { statOf } from '../../../fs/inspect/look.ts';
import type { Account } from './folders.ts';

/**
 * Returns the owner of the folder of backups.db; the account that runs the check if the folder is
 * missing.
 */
export function accountOf(config: Config): Account {
  const uid = statOf(dirname(requireBackupDatabase(config)))?.uid ?? process.geteuid?.() ?? 0;
  return { uid, name: nameOf(uid) };
}

/** Returns the account's name from the system's database; its number if it has none. */
function nameOf(uid: number): string {
  try {
    const line = execFileSync('getent', ['passwd', String(uid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return line.split(':')[0] ?? String(uid);
  } catch {
    return String(uid);
  }
}
