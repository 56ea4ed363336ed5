/**
 * The GET commands, with which a master finds out what it need not send.
 */
import { createHash } from 'node:crypto';
import type { Backup } from '../../backup/backup.ts';
import { annotationsOf } from '../../index/fold/annotation.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import { item, nextItem } from '../../index/queries/items.ts';
import { mailboxByUniqueid, nextLivingMailbox } from '../../index/queries/mailboxes.ts';
import type { Item, ItemKind, LiveMailbox } from '../../index/types.ts';
import { KeyValues, getString, toKeyValues, toStrings } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { BackupError } from '../../errors.ts';
import type { CommandContext } from './context.ts';
import { emptyMailboxItem, mailboxItem } from './mailboxItem.ts';
import { sendItem } from './sendItem.ts';

/**
 * GET USER userid: reports all mailboxes that are not deleted, then the user's other items. An
 * unknown user has none. `sync_client -u` and `-A` send this command. Once per session and user, it
 * also requests again the messages that the master could not send before.
 */
export async function getUser(context: CommandContext, value: Dlist): Promise<void> {
  const userid = useridOf(value);
  context.backups.speaksOf(userid);
  context.rounds.comparesAll(userid);
  const backup = await context.backups.find(userid);
  if (backup === null) return;
  const { index } = backup;
  const isAskingAgain = context.asked.mayAskAgain(backup.userid);
  for (let after: string | null = null; ;) {
    const mailbox = nextLivingMailbox(index, after);
    if (mailbox === undefined) break;
    await sendMailbox(context, backup, mailbox, isAskingAgain);
    after = mailbox.name;
  }
  await eachItem(context, index, 'quota', ({ value: quota }) =>
    sendItem(context, 'QUOTA', parseDlist(quota)),
  );
  await sendMeta(context, backup);
}

/** GET META userid: reports the user's items other than mailboxes. */
export async function getMeta(context: CommandContext, value: Dlist): Promise<void> {
  const backup = await context.backups.find(useridOf(value));
  if (backup !== null) await sendMeta(context, backup);
}

/** GET MAILBOXES (name ...): a name that does not exist is not an error. */
export async function getMailboxes(context: CommandContext, value: Dlist): Promise<void> {
  const absent = new Set<string>();
  for (const name of toStrings(value, 'MAILBOXES')) {
    const held = await context.backups.holding(name, absent);
    if (held !== null) await sendMailbox(context, held.backup, held.mailbox);
    await context.turn();
  }
}

/**
 * GET UNIQUEIDS (uniqueid ...): searches only the backups that the session holds, because a
 * uniqueid does not name its owner.
 */
export async function getUniqueids(context: CommandContext, value: Dlist): Promise<void> {
  for (const uniqueid of toStrings(value, 'UNIQUEIDS')) {
    for (const backup of Array.from(context.backups.held())) {
      const mailbox = mailboxByUniqueid(backup.index, uniqueid);
      if (mailbox?.deleted === null) await sendMailbox(context, backup, mailbox);
    }
    await context.turn();
  }
}

/**
 * GET FULLMAILBOX name: reports an empty mailbox (see emptyMailboxItem). The master then sends the
 * whole mailbox again.
 */
export async function getFullMailbox(context: CommandContext, value: Dlist): Promise<void> {
  if (typeof value !== 'string') throw new BackupError('bad-parameters', 'FULLMAILBOX: a name is expected');
  const held = await context.backups.holding(value);
  if (held === null) throw new BackupError('not-found', `no mailbox ${value}`);
  context.resending.add(held.mailbox.uniqueid);
  await sendItem(context, 'MAILBOX', emptyMailboxItem(held.mailbox));
}

/** GET QUOTA root: reports nothing if the root does not exist. */
export async function getQuota(context: CommandContext, value: Dlist): Promise<void> {
  if (typeof value !== 'string') throw new BackupError('bad-parameters', 'QUOTA: a root is expected');
  const backup = await context.backups.find(context.backups.ownerOf(value));
  const quota = backup === null ? undefined : item(backup.index, 'quota', value);
  if (quota !== undefined) await sendItem(context, 'QUOTA', parseDlist(quota.value));
}

/**
 * GET ANNOTATION mboxname: reports one line for each annotation of the mailbox. An empty name means
 * the server's annotations.
 */
export async function getAnnotation(context: CommandContext, value: Dlist): Promise<void> {
  if (typeof value !== 'string') throw new BackupError('bad-parameters', 'ANNOTATION: a name is expected');
  const sendOne = async (annotation: KeyValues): Promise<void> => {
    const entries = annotation.entries.filter(([key]) => ['ENTRY', 'USERID', 'VALUE'].includes(key));
    await sendItem(context, 'ANNOTATION', new KeyValues([['MBOXNAME', value], ...entries]));
    await context.turn();
  };
  if (value !== '') {
    const held = await context.backups.holding(value);
    for (const annotation of annotationsOf(held?.mailbox.state ?? '')) await sendOne(annotation);
    return;
  }
  const shared = await context.backups.find(context.backups.ownerOf(value));
  if (shared === null) return;
  await eachItem(context, shared.index, 'annotation', (own) =>
    sendOne(toKeyValues(parseDlist(own.value), 'ANNOTATION')),
  );
}

/** Visits all items of a kind in key order, with pauses for other sessions. */
async function eachItem(
  { turn }: CommandContext,
  index: IndexFile,
  kind: ItemKind,
  action: (item: Item) => Promise<void>,
): Promise<void> {
  for (let next = nextItem(index, kind, null); next !== undefined; next = nextItem(index, kind, next.key)) {
    await action(next);
    await turn();
  }
}

function useridOf(value: Dlist): string {
  if (typeof value === 'string') return value;
  throw new BackupError('bad-parameters', 'a userid is expected');
}

async function sendMailbox(
  context: CommandContext,
  backup: Backup,
  mailbox: LiveMailbox,
  isAskingAgain = false,
): Promise<void> {
  context.rounds.mailbox(backup.userid, mailbox.name);
  await sendItem(context, 'MAILBOX', await mailboxItem(context, backup.index, mailbox, isAskingAgain));
  await context.turn();
}

async function sendMeta(context: CommandContext, backup: Backup): Promise<void> {
  const { index } = backup;
  await eachItem(context, index, 'seen', ({ value }) => sendItem(context, 'SEEN', withoutUserid(value)));
  const subscribed: string[] = [];
  await eachItem(context, index, 'sub', async ({ key }) => void subscribed.push(key));
  if (subscribed.length > 0) await sendItem(context, 'LSUB', subscribed);
  await sendScripts(context, index);
}

function withoutUserid(text: string): KeyValues {
  const { entries } = parseDlist(text) as KeyValues;
  return new KeyValues(entries.filter(([key]) => key !== 'USERID'));
}

/**
 * SIEVE %(FILENAME LAST_UPDATE GUID ISACTIVE). A master activates a script by the name of the
 * bytecode, such as main.bc for main.script. It expects exactly that name in the list. The bytecode
 * is therefore listed too, as by a replica that compiles scripts.
 */
async function sendScripts(context: CommandContext, index: IndexFile): Promise<void> {
  const row = item(index, 'active', '');
  const active = row === undefined ? null : getString(parseDlist(row.value) as KeyValues, 'FILENAME');
  let isListed = active === null;
  let lastUpdate: Dlist = String(row?.since ?? 0);
  await eachItem(context, index, 'sieve', async ({ value }) => {
    const kv = parseDlist(value) as KeyValues;
    const fileName = getString(kv, 'FILENAME');
    const guid = createHash('sha1').update(getString(kv, 'CONTENT'), 'latin1').digest('hex');
    const updated = kv.get('LAST_UPDATE') ?? '0';
    if (fileName === active) isListed = true;
    else if (active !== null && stem(fileName) === stem(active)) lastUpdate = updated;
    await sendItem(context, 'SIEVE', scriptItem(fileName, updated, guid, fileName === active));
  });
  if (!isListed && active !== null) {
    await sendItem(context, 'SIEVE', scriptItem(active, lastUpdate, null, true));
  }
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
