/**
 * APPLY RENAME %(OLDMBOXNAME NEWMBOXNAME PARTITION UIDVALIDITY): renames a folder of one user,
 * moves a folder to another user, or renames a whole user with the INBOX.
 *
 * Masters rename mailbox by mailbox, including a user's INBOX (imap/sync_support.c, do_folders).
 * When the INBOX is renamed, the whole backup, including its history, moves to the new userid. The
 * RENAMEs of the user's other mailboxes arrive later. These mailboxes are then already in that
 * backup, under their old names. A later user of the old name starts with a separate backup.
 */
import type { Backup } from '../../backup/backup.ts';
import { recordItem } from '../../backup/lines/recordItem.ts';
import { BackupError } from '../../errors.ts';
import { hasMessage } from '../../index/queries/messages.ts';
import { recordsPage } from '../../index/queries/records.ts';
import type { RecordWithGuid } from '../../index/queries/records.ts';
import { parseState } from '../../index/fold/state.ts';
import type { LiveMailbox } from '../../index/types.ts';
import { isInbox } from '../../mailbox/names.ts';
import { KeyValues, getString, optionalString, toKeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import type { CommandContext } from './context.ts';

/**
 * The most records in one line of a moved mailbox. The number is the most that a master sends at
 * once by default (sync_batchsize).
 */
const RECORDS_A_LINE = 8192;
/** How many records are read in one step of about a millisecond. */
const RECORDS_A_PAGE = 256;
/** How many records are looked up and written as values in one step. */
const RECORDS_A_STEP = 64;

interface Rename {
  readonly from: string;
  readonly to: string;
  readonly value: KeyValues;
}

export async function applyRename(context: CommandContext, value: Dlist): Promise<void> {
  const kv = toKeyValues(value, 'RENAME');
  const rename = { from: getString(kv, 'OLDMBOXNAME'), to: getString(kv, 'NEWMBOXNAME'), value: kv };
  const { backups } = context;
  const newOwner = backups.ownerOf(rename.to);
  const held = await backups.holding(rename.from);
  if (held === null) {
    throw new BackupError('not-found', `mailbox ${rename.from} is not in this backup`);
  }
  const { backup: source, mailbox } = held;
  const target = await backups.find(newOwner);
  if (target === source) {
    await appendRename(context, source, rename);
    return;
  }
  if (isInbox(rename.from) && isInbox(rename.to) && target === null) {
    await backups.renameUser(source.userid, newOwner);
    backups.noteInbox(newOwner, mailbox.uniqueid);
    await appendRename(context, await backups.findOrCreate(newOwner), rename);
    return;
  }
  await moveMailbox(context, source, mailbox, rename);
}

function appendRename(context: CommandContext, backup: Backup, { value }: Rename): Promise<void> {
  return backup.append({ time: context.now(), name: 'RENAME', value }, [], context.turn);
}

/**
 * Copies a mailbox with its messages into the other user's backup. In the old backup the mailbox is
 * marked as deleted and kept for the retention.
 */
async function moveMailbox(
  context: CommandContext,
  source: Backup,
  mailbox: LiveMailbox,
  rename: Rename,
): Promise<void> {
  const target = await context.backups.findOrCreate(context.backups.ownerOf(rename.to));
  const state = renamedState(mailbox, rename);
  let batch = await nextBatch(context, source, mailbox, 0);
  for (;;) {
    const last = batch.at(-1);
    const next = last === undefined ? [] : await nextBatch(context, source, mailbox, last.uid);
    await appendBatch(context, source, target, next.length === 0 ? state : asBatch(state, batch), batch);
    if (next.length === 0) break;
    batch = next;
  }
  await source.append({ time: context.now(), name: 'UNMAILBOX', value: rename.from }, [], context.turn);
}

async function nextBatch(
  { turn }: CommandContext,
  { index }: Backup,
  { id }: LiveMailbox,
  afterUid: number,
): Promise<RecordWithGuid[]> {
  const batch: RecordWithGuid[] = [];
  const range = { mailboxId: id, time: null, shown: 'every', limit: RECORDS_A_PAGE } as const;
  while (batch.length < RECORDS_A_LINE) {
    const page = recordsPage(index, { ...range, afterUid: batch.at(-1)?.uid ?? afterUid });
    batch.push(...page);
    await turn();
    if (page.length < RECORDS_A_PAGE) break;
  }
  return batch;
}

function renamedState(mailbox: LiveMailbox, { to, value }: Rename): KeyValues {
  const changes = new Map<string, Dlist>([['MBOXNAME', to]]);
  for (const key of ['PARTITION', 'UIDVALIDITY']) {
    const changed = optionalString(value, key);
    if (changed !== undefined) changes.set(key, changed);
  }
  return withValues(parseState(mailbox.state), changes);
}

/**
 * Returns the state that a master sends with a part of a mailbox. It marks the mailbox as out of
 * date until the rest has arrived.
 */
function asBatch(state: KeyValues, batch: readonly RecordWithGuid[]): KeyValues {
  const entries = state.entries.filter(([key]) => key !== 'SYNC_CRC' && key !== 'SYNC_CRC_ANNOT');
  const lastUid = String(batch.at(-1)?.uid ?? 0);
  const changes = new Map([
    ['LAST_UID', lastUid],
    ['HIGHESTMODSEQ', '0'],
  ]);
  return withValues(new KeyValues(entries), changes);
}

function withValues(state: KeyValues, changes: ReadonlyMap<string, Dlist>): KeyValues {
  return new KeyValues(state.entries.map(([key, value]) => [key, changes.get(key) ?? value]));
}

async function appendBatch(
  context: CommandContext,
  source: Backup,
  target: Backup,
  state: KeyValues,
  batch: readonly RecordWithGuid[],
): Promise<void> {
  const { turn } = context;
  const wanted = new Set<string>();
  const items: KeyValues[] = [];
  for (const [count, record] of batch.entries()) {
    if (count % RECORDS_A_STEP === 0) await turn();
    if (!hasMessage(target.index, record.guid)) wanted.add(record.guid);
    items.push(recordItem(record));
  }
  const { sources, found } = await context.staged.sources(wanted, [source], turn);
  const value = new KeyValues([...state.entries, ['RECORD', items]]);
  await target.append({ time: context.now(), name: 'MAILBOX', value }, sources, turn);
  await context.staged.claimed(found, turn);
}
