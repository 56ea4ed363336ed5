/** Finds the account that the store belongs to. */
import { dirname } from 'node:path';
import { requireBackupDatabase } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { statOf } from '../../../fs/inspect/look.ts';
import { systemAccount } from '../../common/systemAccount.ts';
import type { Account } from './folders.ts';

/**
 * Returns the owner of the folder of backups.db; the account that runs the check if the folder is
 * missing.
 */
export function accountOf(config: Config): Account {
  const uid = statOf(dirname(requireBackupDatabase(config)))?.uid ?? process.geteuid?.() ?? 0;
  return { uid, name: systemAccount(String(uid))?.name ?? String(uid) };
}
