/**
 * Reads a mailbox's living records as uid -> guid, date, modseq and flags, from both sides: from
 * the backup's files, and from the master over IMAP. If the maps are equal, nothing is lost or
 * wrong.
 */
import { inboxOf } from '../../src/mailbox/names.ts';
import type { BackupServer } from './backupdDaemon.ts';
import type { CyrusMaster } from './cyrus.ts';
import { allHeldRecords } from './heldRecords.ts';
import type { FetchedMessage } from './imapClient.ts';

export type Records = Record<string, { guid: string; internalDate: number; modseq: string; flags: string[] }>;

const RECORD = /%\(UID (\d+) ([^%]*?)GUID ([0-9a-f]{40})/g;

/**
 * Parses a line with RECORD lists (`* MAILBOX` or `APPLY MAILBOX`). Returns the records by uid,
 * without expunged ones.
 */
export function recordsOf(line: string): Records {
  const records: Records = {};
  for (const [, uid, fields, guid] of line.matchAll(RECORD) as Iterable<[string, string, string, string]>) {
    const flags = (/FLAGS \(([^)]*)\)/.exec(fields)?.[1] ?? '').split(' ').filter((flag) => flag !== '');
    const internalDate = Number(/INTERNALDATE (\d+)/.exec(fields)?.[1]);
    const modseq = /MODSEQ (\d+)/.exec(fields)?.[1] ?? '';
    if (!flags.includes('\\Expunged')) records[uid] = { guid, internalDate, modseq, flags: flags.toSorted() };
  }
  return records;
}

export function mailboxNameOf(line: string): string {
  const name = / MBOXNAME (?:"([^"]*)"|(\S+))/.exec(line);
  return name?.[1] ?? name?.[2] ?? '';
}

/** Returns the records of all mailboxes by internal name, without deleted mailboxes. */
export async function backedUp(server: BackupServer, user: string): Promise<Map<string, Records>> {
  const path = await server.dataFile(user);
  const all = path === undefined ? [] : [...allHeldRecords(path)];
  const kept = all.filter(([name]) => !name.startsWith('DELETED.')).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return new Map(kept.map(([name, list]) => [name, recordsOf(list)]));
}

export async function onMaster(master: CyrusMaster, user: string): Promise<Map<string, Records>> {
  const mailboxes = new Map<string, Records>();
  for (const [name, messages] of await master.truth(user)) {
    mailboxes.set(internalName(user, name), recordsOfMessages(messages));
  }
  return new Map([...mailboxes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Converts the messages of a FETCH to records by uid. */
export function recordsOfMessages(messages: readonly FetchedMessage[]): Records {
  const records: Records = {};
  for (const { uid, sha1, internalDate, modseq, flags } of messages) {
    records[uid] = { guid: sha1, internalDate, modseq, flags: [...flags] };
  }
  return records;
}

/** Assumes unixhierarchysep on and altnamespace off, as in the test master. */
function internalName(user: string, name: string): string {
  return name.replaceAll(/[/.]/g, (sign) => (sign === '/' ? '.' : '^')).replace(/^INBOX/, inboxOf(user));
}
