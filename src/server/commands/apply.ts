/**
 * The APPLY commands, with which a master stores data here. OK means that the data is on disk.
 */
import type { Backup } from '../../backup/backup.ts';
import { requireAnnotations } from '../../index/fold/annotation.ts';
import { RESEND_KEY } from '../../index/fold/mailbox.ts';
import { item } from '../../index/queries/items.ts';
import { mailboxByUniqueid } from '../../index/queries/mailboxes.ts';
import { hasMessage } from '../../index/queries/messages.ts';
import { isInbox } from '../../mailbox/names.ts';
import {
  KeyValues,
  getString,
  getStrings,
  optionalList,
  optionalString,
  toKeyValues,
  toNumber,
  toStrings,
} from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { untagged } from '../../protocol/responses.ts';
import { BackupError } from '../../errors.ts';
import { isInStep } from '../askedFor.ts';
import { CHECKED_A_STEP, checkRecords } from './checkRecords.ts';
import type { Command, CommandContext } from './context.ts';
import { MOST_STATE_BYTES, requireKeepable } from './keepable.ts';
import { sendItem } from './sendItem.ts';

/**
 * The most UIDs in one EXPUNGE line of the log. Each line is committed by itself, in one step, and
 * the UIDs are independent of each other.
 */
const UIDS_A_LINE = 16_384;

/**
 * APPLY RESERVE %(PARTITION MBOXNAME (names) GUID (guids)): answers MISSING with the messages to
 * upload. The mailboxes may belong to several users. A message counts as present only if each of
 * them has it. Nothing is stored.
 */
export async function applyReserve(context: CommandContext, value: Dlist): Promise<void> {
  const kv = toKeyValues(value, 'RESERVE');
  const owners = new Set<string>();
  for (const [count, name] of getStrings(kv, 'MBOXNAME').entries()) {
    owners.add(context.backups.ownerOf(name));
    if (count % CHECKED_A_STEP === 0) await context.turn();
  }
  const guids = getStrings(kv, 'GUID');
  const lacking = new Set<string>();
  const paths: string[] = [];
  // Open one backup at a time: a command may name more users than backups that can be held open at
  // once.
  for (const owner of owners) {
    const backup = await context.backups.find(owner);
    if (backup !== null) paths.push(backup.path);
    for (const [count, guid] of guids.entries()) {
      if (count % CHECKED_A_STEP === 0) await context.turn();
      if (lacking.has(guid) || context.staged.has(guid)) continue;
      if (backup === null || !hasMessage(backup.index, guid)) lacking.add(guid);
    }
  }
  if (lacking.size === 0) return;
  context.backups.requireRoomForMail(paths);
  const missing = guids.filter((guid) => lacking.has(guid));
  context.asked.add(missing);
  await sendItem(context, 'MISSING', missing);
}

/**
 * APPLY MAILBOX %(...): stores the state, the records, and messages that no record claimed before.
 */
export async function applyMailbox(context: CommandContext, value: Dlist): Promise<void> {
  const kv = toKeyValues(value, 'MAILBOX');
  const name = getString(kv, 'MBOXNAME');
  const uniqueid = getString(kv, 'UNIQUEID');
  const { backups, turn } = context;
  // This key is the server's own. Only compaction writes it.
  if (kv.has(RESEND_KEY)) throw new BackupError('bad-parameters', `${RESEND_KEY}: not a master's to say`);
  requireAnnotations(kv);
  requireKeepable(withoutRecords(kv), MOST_STATE_BYTES, 'MAILBOX');
  const owner = backups.ownerOf(name);
  if (isInbox(name)) await backups.followInbox(owner, kv);
  backups.speaksOf(owner);
  const backup = await backups.findOrCreate(owner);
  if (isInbox(name)) backups.noteInbox(owner, uniqueid);
  const known = mailboxByUniqueid(backup.index, uniqueid)?.highestmodseq;
  const { lacking: wanted, newestChange } = await checkRecords(context, backup, {
    recordList: optionalList(kv, 'RECORD') ?? [],
    // The first copy of a mailbox says nothing of how far the backup lags behind.
    knownModseq: known === undefined ? Infinity : Number(known),
  });
  const others = [...context.backups.held()].filter((held) => held !== backup);
  const { sources, found } = await context.staged.sources(wanted, others, turn);
  await backup.append({ time: context.now(), name: 'MAILBOX', value }, sources, turn);
  const bytes = context.staged.bytesOf(found);
  await context.staged.claimed(found, turn);
  context.rounds.mailbox(owner, name);
  context.rounds.stored(owner, { messages: found.size, bytes, newestChange });
  for (const guid of found) wanted.delete(guid);
  await noteUndelivered(context, backup, name, wanted);
  await refuseOnceOutOfStep(context, backup, uniqueid);
}

function withoutRecords({ flat }: KeyValues): Dlist[] {
  const rest: Dlist[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    if (flat[at] !== 'RECORD') rest.push(flat[at]!, flat[at + 1]!);
  }
  return rest;
}

/**
 * Call if records arrived without their messages. Warns about the messages that the master could
 * not send, which are not requested again soon.
 */
async function noteUndelivered(
  context: CommandContext,
  backup: Backup,
  name: string,
  lacking: ReadonlySet<string>,
): Promise<void> {
  const { asked, turn } = context;
  const undelivered = await asked.notDelivered(backup.index, lacking, context.now(), turn);
  const first = undelivered[0];
  const others = lacking.size - undelivered.length;
  if (first !== undefined) {
    const more = undelivered.length > 1 ? undelivered.length - 1 : undefined;
    context.log('undelivered', { user: backup.userid, mailbox: name, guid: first, others: more });
  }
  if (others > 0) {
    context.log('not-sent', { user: backup.userid, mailbox: name, messages: others });
  }
}

/**
 * Call after the input is stored. If the mailbox still differs from the master's, refuses the
 * command once and asks for the whole mailbox: sync_client then compares with what we report and
 * tries again. The second time the answer is OK. Otherwise the master's other mailboxes would wait
 * for this one (imap/sync_support.c, do_folders).
 */
async function refuseOnceOutOfStep(context: CommandContext, backup: Backup, uniqueid: string): Promise<void> {
  const { resending } = context;
  if (await isInStep(backup.index, uniqueid, context)) resending.delete(uniqueid);
  else if (!resending.has(uniqueid)) {
    resending.add(uniqueid);
    throw new BackupError('out-of-step', `${backup.userid}: mailbox ${uniqueid}: differs from the master's`);
  }
}

/** Makes a command that names its owner and only has to be stored. */
function keep(name: string, ownerOf: (context: CommandContext, value: Dlist) => string): Command {
  return (context, value) => append(context, ownerOf(context, value), name, value);
}

async function append(context: CommandContext, userid: string, name: string, value: Dlist): Promise<void> {
  if (name !== 'EXPUNGE') requireKeepable(value, context.keptBytes, name);
  const backup = await context.backups.findOrCreate(userid);
  await backup.append({ time: context.now(), name, value }, [], context.turn);
}

function byUserid(_context: CommandContext, value: Dlist): string {
  return getString(toKeyValues(value, 'APPLY'), 'USERID');
}

/**
 * Makes such a command that also requires the keys that GET needs. Without them in the log, GET
 * USER could no longer be answered.
 */
function byUseridWith(...keys: readonly string[]): typeof byUserid {
  return (context, value) => {
    for (const key of keys) getString(toKeyValues(value, 'APPLY'), key);
    return byUserid(context, value);
  };
}

/**
 * Makes a command for an existing mailbox. The command is stored in the backup that holds the
 * mailbox, even under the user's former name.
 */
function ofMailbox(name: string): Command {
  return async (context, value) => {
    const mboxname = getString(toKeyValues(value, name), 'MBOXNAME');
    const held = mboxname === '' ? null : await context.backups.holding(mboxname);
    if (name === 'ANNOTATION' && held !== null)
      requireKeepable([held.mailbox.state, value], MOST_STATE_BYTES, name);
    await append(context, held?.backup.userid ?? context.backups.ownerOf(mboxname), name, value);
  };
}

const expunge = ofMailbox('EXPUNGE');

/**
 * APPLY EXPUNGE %(MBOXNAME UNIQUEID UID (uids)): stored in as many lines as the UIDs need. All UIDs
 * are checked first, so that an invalid one refuses the whole command.
 */
export async function applyExpunge(context: CommandContext, value: Dlist): Promise<void> {
  const kv = toKeyValues(value, 'EXPUNGE');
  const uids = optionalList(kv, 'UID') ?? [];
  for (const [count, uid] of uids.entries()) {
    if (count % CHECKED_A_STEP === 0) await context.turn();
    toNumber(uid, 'UID');
  }
  if (uids.length <= UIDS_A_LINE) return expunge(context, value);
  const others = kv.entries.filter(([key]) => key !== 'UID');
  for (let first = 0; first < uids.length; first += UIDS_A_LINE) {
    const some = uids.slice(first, first + UIDS_A_LINE);
    await expunge(context, new KeyValues([...others, ['UID', some]]));
  }
}

/** APPLY UNMAILBOX name: no error if the mailbox is already gone. */
export async function applyUnmailbox(context: CommandContext, value: Dlist): Promise<void> {
  const mboxname = bare(value, 'MBOXNAME');
  const held = await context.backups.holding(mboxname);
  if (held !== null) await append(context, held.backup.userid, 'UNMAILBOX', value);
  else if ((await context.backups.find(context.backups.ownerOf(mboxname))) === null) {
    throw new BackupError('not-found', `no mailbox ${mboxname}`);
  }
}

/**
 * Returns the value of UNMAILBOX name or UNUSER userid: a bare value, or a list of keys from some
 * masters.
 */
function bare(value: Dlist, key: string): string {
  if (typeof value === 'string') return value;
  const named = value instanceof KeyValues ? optionalString(value, key) : undefined;
  if (named === undefined) throw new BackupError('bad-parameters', `${key}: missing`);
  return named;
}

/**
 * APPLY UNUSER userid: creates no backup for an unknown user and answers OK, as a replica does. Any
 * other answer is an error for sync_client 3.0 -u.
 */
export async function applyUnuser(context: CommandContext, value: Dlist): Promise<void> {
  const userid = bare(value, 'USERID');
  if ((await context.backups.find(userid)) === null) return;
  await append(context, userid, 'UNUSER', value);
  context.rounds.isGone(userid);
}

export const applySeen = keep('SEEN', byUserid);
export const applySub = keep('SUB', byUserid);
export const applyUnsub = keep('UNSUB', byUserid);
export const applySieve = keep('SIEVE', byUseridWith('FILENAME', 'CONTENT'));
export const applyUnsieve = keep('UNSIEVE', byUserid);
export const applyActivateSieve = keep('ACTIVATE_SIEVE', byUseridWith('FILENAME'));
export const applyUnactivateSieve = keep('UNACTIVATE_SIEVE', byUserid);
export const applyQuota = keep('QUOTA', (context, value) =>
  context.backups.ownerOf(getString(toKeyValues(value, 'QUOTA'), 'ROOT')),
);
export const applyAnnotation = ofMailbox('ANNOTATION');
export const applyUnannotation = ofMailbox('UNANNOTATION');

/**
 * APPLY CAPABILITIES (name ...): answers with the capabilities that we accept. There are none:
 * scripts come with SIEVE, not as `#sieve` mailboxes.
 */
export async function applyCapabilities(context: CommandContext, value: Dlist): Promise<void> {
  toStrings(value, 'CAPABILITIES');
  await context.send(untagged('ENABLED', []));
}

/**
 * APPLY FORCE tells a replica to skip its checks against its master. It changes nothing here,
 * because the master is always right.
 */
export const applyForce: Command = () => Promise.resolve();

/**
 * APPLY UNQUOTA root: no error if the root does not exist. After a user was renamed, GET USER of
 * the new name also reports the old name's root. The root is therefore looked up in all held
 * backups.
 */
export async function applyUnquota(context: CommandContext, value: Dlist): Promise<void> {
  const root = bare(value, 'ROOT');
  await context.backups.find(context.backups.ownerOf(root));
  for (const backup of Array.from(context.backups.held())) {
    if (item(backup.index, 'quota', root) === undefined) continue;
    await backup.append({ time: context.now(), name: 'UNQUOTA', value }, [], context.turn);
  }
}
