/**
 * The account that backupd runs as. Root chooses one that is not root. Any other account can only
 * set up a store of its own.
 */
import { requireConfigDirectory } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { BackupError } from '../../../errors.ts';
import { statOf } from '../../../fs/inspect/look.ts';
import { systemAccount } from '../../common/systemAccount.ts';
import type { SystemAccount } from '../../common/systemAccount.ts';
import type { Questions } from './questions.ts';

/** Accounts that a package makes for backups, the best first. */
const USUAL = ['cyrus-backups', 'cyrus'] as const;

/** Throws 'usage' or 'not-found', with what to do. */
export async function chooseAccount(
  given: string | undefined,
  present: Config | undefined,
  questions: Questions,
): Promise<SystemAccount> {
  if (process.geteuid?.() !== 0) {
    const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
    const name = systemAccount(String(uid))?.name ?? String(uid);
    if (given === undefined || given === name) return { name, uid, gid };
    throw new BackupError('usage', `--account ${given}: only root can set up a store for another account`);
  }
  const owner = present?.configdirectory == null ? undefined : statOf(requireConfigDirectory(present));
  const known = owner === undefined || owner.uid === 0 ? undefined : systemAccount(String(owner.uid));
  const usual = known ?? USUAL.map(systemAccount).find((account) => account !== undefined);
  const name = given ?? (await questions.ask('Account that backupd runs as', usual?.name ?? USUAL[0]));
  const account = systemAccount(name);
  if (account === undefined) {
    const cure = `adduser --system --group --no-create-home ${name}`;
    throw new BackupError('not-found', `there is no account ${name} for backupd: make it first: ${cure}`);
  }
  if (account.uid === 0 && given === undefined) {
    throw new BackupError('usage', 'backupd should not run as root: give --account NAME');
  }
  return account;
}
