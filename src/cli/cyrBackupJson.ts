/** `cyr_backup json ...`: the keys and their order as the originals' (cyrus-imapd backup/cyr_backup.c, cmd_json_*). */
import type { BackupReader } from '../backup/reader.ts';
import { allMailboxes, allMessages, mailboxById, records, recordsOfMessage } from '../index/queries.ts';
import type { RecordWithGuid } from '../index/queries.ts';
import type { StoredMessage } from '../index/types.ts';
import { chunksWithRatio, lastAppend } from './cyrBackupList.ts';
import { writeJsonArray } from './commonJson.ts';
import { localTime, textOf } from './commonText.ts';
import type { CliIo } from './io.ts';

function* mapped<T, R>(values: Iterable<T>, map: (value: T) => R): Generator<R> {
  for (const value of values) yield map(value);
}

export function jsonChunks(reader: BackupReader, io: CliIo): void {
  const rows = mapped(chunksWithRatio(reader), (chunk) => ({
    id: chunk.id,
    offset: chunk.offset,
    length: chunk.length,
    ratio: chunk.ratio,
    'start time': localTime(chunk.ts_start),
    'end time': localTime(chunk.ts_end),
  }));
  writeJsonArray(io, rows);
}

function recordObject({ uid, guid, expunged }: RecordWithGuid): object {
  return expunged === null ? { uid, guid } : { uid, guid, expunged: localTime(expunged) };
}

/** `messages` is left out where a mailbox has none. */
export function jsonMailboxes(reader: BackupReader, io: CliIo): void {
  const rows = mapped(allMailboxes(reader.index), (mailbox) => {
    const messages = [...mapped(records(reader.index, mailbox.id), recordObject)];
    return {
      uniqueid: mailbox.uniqueid,
      mboxname: textOf(mailbox.name),
      last_appenddate: lastAppend(mailbox),
      ...(messages.length === 0 ? {} : { messages }),
    };
  });
  writeJsonArray(io, rows);
}

/** The mailboxes that have or had the message, each once; left out where there are none. */
function messageObject(reader: BackupReader, { id, guid }: StoredMessage): object {
  const ids = new Set(recordsOfMessage(reader.index, id).map((record) => record.mailbox_id));
  const mailboxes = [...ids].flatMap((mailboxId) => {
    const mailbox = mailboxById(reader.index, mailboxId);
    return mailbox === undefined ? [] : [{ uniqueid: mailbox.uniqueid, mboxname: textOf(mailbox.name) }];
  });
  return mailboxes.length === 0 ? { guid } : { guid, mailboxes };
}

/** Only those whose bytes are here. */
function* storedMessages(reader: BackupReader): Generator<object> {
  for (const message of allMessages(reader.index)) {
    if (message.chunk_id !== null) yield messageObject(reader, message);
  }
}

export function jsonMessages(reader: BackupReader, io: CliIo): void {
  writeJsonArray(io, storedMessages(reader));
}
