/**
 * `ctl_backups retention`, `hold` and `release`: set how long the backups of a user or a domain
 * keep what was expunged or changed, and which users are on hold. The rules are lines of a file
 * (src/config/retentionRules.ts), which is changed under the lock of backups.db.
 */
import { Catalog } from '../../catalog/catalog.ts';
import type { RetentionRules } from '../../config/retentionRules.ts';
import { isValidUserid, sharedUserid } from '../../mailbox/names.ts';
import { writableCatalog } from '../../catalog/catalogOptions.ts';
import { NO_SUCH_THING, NO_SUCH_USER } from '../common/exitCodes.ts';
import { usageError } from '../common/run.ts';
import { openCatalog } from '../common/select.ts';
import { bytesOf, textOf } from '../common/text.ts';
import type { CtlIo, CtlOptions } from './command.ts';
import { retentionRules } from '../../config/retentionRules.ts';

/**
 * With a name and a duration (or `default`), sets the name's retention. With a name only, prints
 * the retention of that name. Without a name, prints all rules. Returns the exit code.
 */
export function changeRetention(names: readonly string[], { config }: CtlOptions, io: CtlIo): number {
  const [name, text] = names;
  if (text !== undefined) {
    change(config, (rules) => rules.setRetention(subjectOf(name ?? ''), text === 'default' ? null : text));
    return 0;
  }
  const rules = retentionRules(config);
  const shown = name === undefined ? null : bytesOf(name);
  for (const [subject, duration] of rules.retentions()) {
    if (shown === null || shown === subject) io.stdout.write(`retention\t${textOf(subject)}\t${duration}\n`);
  }
  for (const [userid, reason] of rules.holds()) {
    if (shown === null || shown === userid) io.stdout.write(`hold\t${textOf(userid)}\t${reason}\n`);
  }
  return 0;
}

/** Puts the user on hold: from now on, compaction drops nothing of the user's backup. */
export function holdBackup(names: readonly string[], { config }: CtlOptions, io: CtlIo): number {
  const [name = '', ...reason] = names;
  const userid = useridOf(name);
  const catalog = openCatalog(config);
  try {
    // A hold on a mistyped userid would protect nothing.
    if (catalog.find(userid) === null) {
      io.stderr.write(`${name}: not found in backups.db\n`);
      return NO_SUCH_USER;
    }
  } finally {
    catalog.close();
  }
  change(config, (rules) => rules.setHold(userid, reason.join(' ')));
  return 0;
}

export function releaseBackup(names: readonly string[], { config }: CtlOptions, io: CtlIo): number {
  const [name = ''] = names;
  const userid = useridOf(name);
  let wasHeld = false;
  change(config, (rules) => {
    wasHeld = rules.holdOf(userid) !== null;
    if (wasHeld) rules.setHold(userid, null);
  });
  if (!wasHeld) io.stderr.write(`${name}: there is no hold on it\n`);
  return wasHeld ? 0 : NO_SUCH_THING;
}

function change(config: CtlOptions['config'], work: (rules: RetentionRules) => void): void {
  const catalog = Catalog.open(writableCatalog(config));
  try {
    catalog.transaction(() => work(retentionRules(config)));
  } finally {
    catalog.close();
  }
}

/** Accepts a userid, or @domain. */
function subjectOf(name: string): string {
  const bytes = bytesOf(name);
  return /^@[^@\s]+$/.test(bytes) ? bytes : useridOf(name);
}

function useridOf(name: string): string {
  const bytes = bytesOf(name);
  if (bytes !== sharedUserid && !isValidUserid(bytes))
    throw usageError(
      `not a userid: ${JSON.stringify(name)}: ctl_backups list shows the userids that have a backup`,
    );
  return bytes;
}
