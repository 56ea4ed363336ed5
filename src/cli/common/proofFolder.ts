/** The folder of the signing key, of signed reports and of what prove remembers. */
import { dirname, join } from 'node:path';
import { requireBackupDatabase } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';

/** Returns `backup_proof_path`, or the folder `backup.proof` beside backups.db. */
export function proofFolder(config: Config): string {
  return config.backup_proof_path ?? join(dirname(requireBackupDatabase(config)), 'backup.proof');
}
