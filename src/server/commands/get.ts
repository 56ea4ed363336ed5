/** GET: what a master asks to find out what it need not send. */
import { createHash } from 'node:crypto';
import type { Backup } from '../../backup/backup.ts';
import { item, items, livingMailboxes, mailboxByUniqueid } from '../../index/queries.ts';
import { annotationsOf } from '../../index/foldAnnotation.ts';
import type { IndexFile } from '../../index/indexFile.ts';
import type { LiveMailbox } from '../../index/types.ts';
import { KeyValues, getString, toKeyValues, toStrings } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { untagged } from '../../protocol/responses.ts';
import { BackupError } from '../../errors.ts';
import type { CommandContext } from './context.ts';
import { emptyMailboxItem, mailboxItem } from './mailboxItem.ts';

/** GET USER userid: all living mailboxes, then what the user has besides. An unknown user has nothing. */
export async function getUser(context: CommandContext, value: Dlist): Promise<void> {
  const backup = await context.backups.find(useridOf(value));
  if (backup === null) return;
  for (const mailbox of livingMailboxes(backup.index)) await sendMailbox(context, backup, mailbox);
  for (const { value: quota } of items(backup.index, 'quota')) {
    await context.send(untagged('QUOTA', parseDlist(quota)));
  }
  await sendMeta(context, backup);
}

/** GET META userid */
export async function getMeta(context: CommandContext, value: Dlist): Promise<void> {
  const backup = await context.backups.find(useridOf(value));
  if (backup !== null) await sendMeta(context, backup);
}

/** GET MAILBOXES (name ...): a name that does not exist is no error. */
export async function getMailboxes(context: CommandContext, value: Dlist): Promise<void> {
  for (const name of toStrings(value, 'MAILBOXES')) {
    const held = await context.backups.holding(name);
    if (held !== null) await sendMailbox(context, held.backup, held.mailbox);
  }
}

/** GET UNIQUEIDS (uniqueid ...): among the backups at hand, for an id does not say whose it is. */
export async function getUniqueids(context: CommandContext, value: Dlist): Promise<void> {
  for (const uniqueid of toStrings(value, 'UNIQUEIDS')) {
    for (const backup of context.backups.held()) {
      const mailbox = mailboxByUniqueid(backup.index, uniqueid);
      if (mailbox?.deleted === null) await sendMailbox(context, backup, mailbox);
    }
  }
}

/** GET FULLMAILBOX name: see emptyMailboxItem. All of the mailbox comes again behind it. */
export async function getFullMailbox(context: CommandContext, value: Dlist): Promise<void> {
  if (typeof value !== 'string') throw new BackupError('bad-parameters', 'FULLMAILBOX: a name is expected');
  const held = await context.backups.holding(value);
  if (held === null) throw new BackupError('not-found', `no mailbox ${value}`);
  context.resending.add(held.mailbox.uniqueid);
  await context.send(untagged('MAILBOX', emptyMailboxItem(held.mailbox)));
}

/** GET QUOTA root: nothing where there is none. */
export async function getQuota(context: CommandContext, value: Dlist): Promise<void> {
  if (typeof value !== 'string') throw new BackupError('bad-parameters', 'QUOTA: a root is expected');
  const backup = await context.backups.find(context.backups.ownerOf(value));
  const quota = backup === null ? undefined : item(backup.index, 'quota', value);
  if (quota !== undefined) await context.send(untagged('QUOTA', parseDlist(quota.value)));
}

/** GET ANNOTATION mboxname: a line for each of its own; an empty name asks for those of the server. */
export async function getAnnotation(context: CommandContext, value: Dlist): Promise<void> {
  if (typeof value !== 'string') throw new BackupError('bad-parameters', 'ANNOTATION: a name is expected');
  for (const annotation of await annotations(context, value)) {
    const entries = annotation.entries.filter(([key]) => ['ENTRY', 'USERID', 'VALUE'].includes(key));
    await context.send(untagged('ANNOTATION', new KeyValues([['MBOXNAME', value], ...entries])));
  }
}

async function annotations({ backups }: CommandContext, mboxname: string): Promise<KeyValues[]> {
  if (mboxname !== '') return annotationsOf((await backups.holding(mboxname))?.mailbox.state ?? '');
  const shared = await backups.find(backups.ownerOf(mboxname));
  const own = shared === null ? [] : [...items(shared.index, 'annotation')];
  return own.map((of) => toKeyValues(parseDlist(of.value), 'ANNOTATION'));
}

function useridOf(value: Dlist): string {
  if (typeof value === 'string') return value;
  throw new BackupError('bad-parameters', 'a userid is expected');
}

async function sendMailbox(context: CommandContext, backup: Backup, mailbox: LiveMailbox): Promise<void> {
  await context.send(
    untagged('MAILBOX', mailboxItem(backup.index, mailbox, context.resending.has(mailbox.uniqueid))),
  );
}

async function sendMeta(context: CommandContext, backup: Backup): Promise<void> {
  const { index } = backup;
  for (const { value } of items(index, 'seen')) await context.send(untagged('SEEN', withoutUserid(value)));
  const subscribed = [...items(index, 'sub')].map(({ key }) => key);
  if (subscribed.length > 0) await context.send(untagged('LSUB', subscribed));
  for (const script of scripts(index)) await context.send(untagged('SIEVE', script));
}

function withoutUserid(text: string): KeyValues {
  const { entries } = parseDlist(text) as KeyValues;
  return new KeyValues(entries.filter(([key]) => key !== 'USERID'));
}

/**
 * SIEVE %(FILENAME LAST_UPDATE GUID ISACTIVE). A master activates a script by the name of its bytecode, main.bc for
 * main.script, and looks for just that name among ours: so it is listed too, as a replica that compiles would.
 */
function* scripts(index: IndexFile): Generator<KeyValues> {
  const row = item(index, 'active', '');
  const active = row === undefined ? null : getString(parseDlist(row.value) as KeyValues, 'FILENAME');
  let isListed = active === null;
  let lastUpdate: Dlist = String(row?.since ?? 0);
  for (const { value } of items(index, 'sieve')) {
    const kv = parseDlist(value) as KeyValues;
    const fileName = getString(kv, 'FILENAME');
    const guid = createHash('sha1').update(getString(kv, 'CONTENT'), 'latin1').digest('hex');
    const updated = kv.get('LAST_UPDATE') ?? '0';
    if (fileName === active) isListed = true;
    else if (active !== null && stem(fileName) === stem(active)) lastUpdate = updated;
    yield scriptItem(fileName, updated, guid, fileName === active);
  }
  if (!isListed && active !== null) yield scriptItem(active, lastUpdate, null, true);
}

function scriptItem(fileName: string, lastUpdate: Dlist, guid: string | null, isActive: boolean): KeyValues {
  const entries: [string, Dlist][] = [
    ['FILENAME', fileName],
    ['LAST_UPDATE', lastUpdate],
    ['ISACTIVE', isActive ? '1' : '0'],
  ];
  if (guid !== null) entries.splice(2, 0, ['GUID', guid]);
  return new KeyValues(entries);
}

function stem(fileName: string): string {
  return fileName.replace(/\.(?:script|bc)$/, '');
}
