/**
 * Reads what a Cyrus server already has, before anything is sent: mailboxes by name and by
 * uniqueid, and the records of one mailbox. For a mailbox that does not exist, servers return
 * nothing at all.
 */
import { extraItems } from '../../../index/fold/record.ts';
import {
  Flag,
  getNumber,
  getString,
  optionalList,
  optionalNumber,
  optionalString,
  toKeyValues,
} from '../../../protocol/dlist.ts';
import type { Dlist, KeyValues } from '../../../protocol/dlist.ts';
import { printDlist, printItem, printString } from '../../../protocol/print.ts';
import { BackupError } from '../../../errors.ts';
import type { SyncClient } from '../syncClient.ts';
import type { RecordFields } from '../recordText.ts';

export interface ServerMailbox {
  readonly name: string;
  readonly uniqueid: string;
  readonly uidvalidity: number;
  readonly lastUid: number;
  readonly highestModseq: bigint;
  readonly crc: number;
  readonly crcAnnot: number;
  readonly partition: string;
  /** True for a name that holds no mail and only has mailboxes below it. */
  readonly isIntermediate: boolean;
  /** All keys that the server sent, in the form in which it expects them back. */
  readonly state: KeyValues;
}

/** The number of keys in one GET: it keeps lines short and needs few round trips. */
const NAMES_A_GET = 200;

export async function mailboxesByName(
  client: SyncClient,
  names: readonly string[],
): Promise<Map<string, ServerMailbox>> {
  const found = new Map<string, ServerMailbox>();
  for (const mailbox of await ask(client, 'MAILBOXES', names)) found.set(mailbox.name, mailbox);
  return found;
}

/**
 * Returns mailboxes by uniqueid. Cyrus 3.0 does not support the query. Cyrus 3.2 and 3.4 must not
 * be asked: they crash if no such mailbox exists (seen with 3.2.12 and 3.4.9). On these servers, a
 * mailbox that has the uniqueid under another name is not found.
 */
export async function mailboxesByUniqueid(
  client: SyncClient,
  uniqueids: readonly string[],
): Promise<Map<string, ServerMailbox>> {
  const found = new Map<string, ServerMailbox>();
  if (/^3\.[24]\./.test(client.serverVersion ?? '')) return found;
  try {
    for (const mailbox of await ask(client, 'UNIQUEIDS', uniqueids)) found.set(mailbox.uniqueid, mailbox);
  } catch (error) {
    if (!(error instanceof BackupError && error.kind === 'unknown-command')) throw error;
  }
  return found;
}

async function ask(client: SyncClient, what: string, keys: readonly string[]): Promise<ServerMailbox[]> {
  const mailboxes: ServerMailbox[] = [];
  for (let at = 0; at < keys.length; at += NAMES_A_GET) {
    const some = keys.slice(at, at + NAMES_A_GET).map((key) => printString(key, 'log'));
    for (const item of await client.get(`${what} (${some.join(' ')})`)) {
      if (item.name === 'MAILBOX') mailboxes.push(serverMailbox(toKeyValues(item.value, 'MAILBOX')));
    }
  }
  return mailboxes;
}

function serverMailbox(state: KeyValues): ServerMailbox {
  return {
    name: getString(state, 'MBOXNAME'),
    uniqueid: optionalString(state, 'UNIQUEID') ?? '',
    uidvalidity: optionalNumber(state, 'UIDVALIDITY') ?? 0,
    lastUid: optionalNumber(state, 'LAST_UID') ?? 0,
    highestModseq: BigInt(optionalString(state, 'HIGHESTMODSEQ') ?? '0'),
    crc: optionalNumber(state, 'SYNC_CRC') ?? 0,
    crcAnnot: optionalNumber(state, 'SYNC_CRC_ANNOT') ?? 0,
    partition: optionalString(state, 'PARTITION') ?? '',
    isIntermediate: (optionalString(state, 'MBOXTYPE') ?? '').includes('i'),
    state,
  };
}

export interface ServerRecord extends RecordFields {
  readonly isExpunged: boolean;
}

export interface FullMailbox {
  readonly mailbox: ServerMailbox;
  readonly records: ServerRecord[];
}

/**
 * Returns the current state of a mailbox with all of its records; undefined if it does not exist.
 */
export async function fullMailbox(client: SyncClient, name: string): Promise<FullMailbox | undefined> {
  try {
    const items = await client.get(printItem('FULLMAILBOX', name, 'log'));
    const item = items.find((each) => each.name === 'MAILBOX');
    if (item === undefined) return undefined;
    const state = toKeyValues(item.value, 'MAILBOX');
    return {
      mailbox: serverMailbox(state),
      records: (optionalList(state, 'RECORD') ?? []).map(serverRecord),
    };
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

function serverRecord(value: Dlist): ServerRecord {
  const kv = toKeyValues(value, 'RECORD');
  const flags = (optionalList(kv, 'FLAGS') ?? []).map(flagName);
  const annotations = optionalList(kv, 'ANNOTATIONS');
  return {
    uid: getNumber(kv, 'UID'),
    modseq: getString(kv, 'MODSEQ'),
    lastUpdated: getNumber(kv, 'LAST_UPDATED'),
    flags: flags.join(' '),
    internaldate: getNumber(kv, 'INTERNALDATE'),
    size: optionalNumber(kv, 'SIZE') ?? 0,
    guid: getString(kv, 'GUID'),
    annotations: annotations === undefined ? null : printDlist(annotations, 'log'),
    extra: extraItems(kv),
    isExpunged: flags.includes('\\Expunged'),
  };
}

function flagName(value: Dlist): string {
  if (value instanceof Flag) return value.name;
  if (typeof value === 'string') return value;
  throw new BackupError('bad-parameters', 'FLAGS: a list of flags is expected');
}
