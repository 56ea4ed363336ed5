/**
 * `cyr_backup json ...`: prints the same keys in the same order as the original tool (cyrus-imapd
 * backup/cyr_backup.c, cmd_json_*).
 */
import { allMessages, messageByGuid } from '../../index/queries/messages.ts';
import type { RecordWithGuid } from '../../index/queries/records.ts';
import type { StoredMessage } from '../../index/types.ts';
import type { BackupReader } from '../../backup/reader.ts';
import { Real, writeJsonArray, writeJsonObject } from '../common/json.ts';
import { localTime, textOf } from '../common/text.ts';
import { mailboxesOf, notThere, recordsIn } from './command.ts';
import type { Lack, Look } from './command.ts';
import { chunksWithRatio, lastAppend } from './list.ts';
import { mailboxesWith } from './show.ts';
import { fieldsOf, headOf } from './messageHead.ts';

function* mapped<T, R>(values: Iterable<T>, map: (value: T) => R): Generator<R> {
  for (const value of values) yield map(value);
}

export function jsonChunks({ reader, io }: Look): [] {
  const rows = mapped(chunksWithRatio(reader), (chunk) => ({
    id: chunk.id,
    offset: chunk.offset,
    length: chunk.length,
    ratio: new Real(chunk.ratio),
    'start time': localTime(chunk.tsStart),
    'end time': localTime(chunk.tsEnd),
  }));
  writeJsonArray(io, rows);
  return [];
}

/**
 * The key `missing` does not exist in the original tool. It means that the master has recorded the
 * message, but the backup lacks its bytes.
 */
function recordObject({ uid, guid, expunged, chunkId }: RecordWithGuid): object {
  if (expunged !== null) return { uid, guid, expunged: localTime(expunged) };
  return chunkId === null ? { uid, guid, missing: true } : { uid, guid };
}

/** Prints the mailboxes. Omits `messages` for a mailbox without messages. */
export function jsonMailboxes(look: Look): [] {
  const rows = mapped(mailboxesOf(look), (mailbox) => {
    const messages = [...mapped(recordsIn(look, mailbox), recordObject)];
    return {
      uniqueid: mailbox.uniqueid,
      mboxname: textOf(mailbox.name),
      last_appenddate: lastAppend(mailbox),
      ...(messages.length === 0 ? {} : { messages }),
    };
  });
  writeJsonArray(look.io, rows);
  return [];
}

/** Returns a message's JSON object. Omits `mailboxes` if no mailbox has it. */
function messageObject(reader: BackupReader, { id, guid }: StoredMessage): object {
  const mailboxes = mailboxesWith(reader, id).map(({ uniqueid, name }) => ({
    uniqueid,
    mboxname: textOf(name),
  }));
  return mailboxes.length === 0 ? { guid } : { guid, mailboxes };
}

/** Yields only messages whose bytes are in the backup. */
function* storedMessages(reader: BackupReader): Generator<object> {
  for (const message of allMessages(reader.index)) {
    if (message.chunkId !== null) yield messageObject(reader, message);
  }
}

export function jsonMessages({ reader, io }: Look): [] {
  writeJsonArray(io, storedMessages(reader));
  return [];
}

/** Writes each message's header fields, by GUID; each field has a list of its values. */
export function jsonHeaders({ reader, io, names }: Look): Lack[] {
  const missing: Lack[] = [];
  const found = new Map<string, StoredMessage>();
  for (const name of names) {
    const message = messageByGuid(reader.index, name.toLowerCase());
    if (message === undefined || message.chunkId === null) missing.push(notThere('message', name));
    else found.set(message.guid, message);
  }
  const members = mapped(found, ([guid, message]) => {
    return [guid, Object.fromEntries(fieldsOf(headOf(reader, message)))] as const;
  });
  writeJsonObject(io, members);
  return missing;
}
