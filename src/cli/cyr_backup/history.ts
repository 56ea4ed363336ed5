/**
 * `cyr_backup USER history NAME...`: when a mailbox or a message came, changed, moved and went. A
 * message is named by its GUID or its Message-ID.
 */
import { allMessages, messageByGuid } from '../../index/queries/messages.ts';
import { horizon } from '../../index/queries/horizon.ts';
import type { StoredMessage } from '../../index/types.ts';
import { timestampText } from '../../mailbox/timestamp.ts';
import { mailboxHistory, messageHistory } from '../../proof/history/history.ts';
import type { HistoryEvent } from '../../proof/history/history.ts';
import { writeJsonArray } from '../common/json.ts';
import { localTime, textOf, writeBytes } from '../common/text.ts';
import { mailboxNamed, notThere } from './command.ts';
import type { Lack, Look } from './command.ts';
import { fieldsOf, headOf } from './messageHead.ts';

export function showHistory(look: Look): Lack[] {
  const { io } = look;
  return withHistories(look, (subject, events) => {
    writeBytes(io, `${subject}\n`);
    for (const { time, event, mailbox, uid, detail } of events) {
      const place = uid === undefined ? mailbox : `${mailbox} UID ${uid}`;
      writeBytes(
        io,
        `  ${localTime(time)}  ${event.padEnd(8)}  ${place}${detail === undefined ? '' : `: ${detail}`}\n`,
      );
    }
  });
}

export function jsonHistory(look: Look): Lack[] {
  const rows: object[] = [];
  const missing = withHistories(look, (subject, events) => {
    const texts = events.map(({ time, mailbox, detail, ...event }) => ({
      time: timestampText(time),
      ...event,
      mboxname: textOf(mailbox),
      detail: detail === undefined ? undefined : textOf(detail),
    }));
    rows.push({ subject: textOf(subject), since: known(look), events: texts });
  });
  writeJsonArray(look.io, rows);
  return missing;
}

/** Returns the time before which history was compacted away; undefined if all of it is there. */
function known({ reader }: Look): string | undefined {
  const time = horizon(reader.index);
  return time === 0 ? undefined : timestampText(time);
}

function withHistories(look: Look, show: (subject: string, events: readonly HistoryEvent[]) => void): Lack[] {
  const { reader, config, names, io } = look;
  const { index } = reader;
  const missing: Lack[] = [];
  for (const name of names) {
    const messages = messagesNamed(look, name);
    for (const { id, guid } of messages)
      show(`message ${guid}`, messageHistory(index, id, config.deletedprefix));
    if (messages.length > 0) continue;
    const mailbox = mailboxNamed(look, name);
    if (mailbox === undefined) missing.push(notThere('mailbox or message', name));
    else
      show(
        `mailbox ${mailbox.name} ${mailbox.uniqueid}`,
        mailboxHistory(index, mailbox.id, config.deletedprefix),
      );
  }
  const since = known(look);
  if (since !== undefined)
    io.stderr.write(`what was before ${since} has been compacted away, but for what lived then\n`);
  return missing;
}

/** A Message-ID is looked for in the header of each message: as slow as reading them all. */
function messagesNamed({ reader }: Look, name: string): StoredMessage[] {
  if (/^[0-9a-f]{40}$/i.test(name)) {
    const message = messageByGuid(reader.index, name.toLowerCase());
    return message === undefined ? [] : [message];
  }
  const wanted = /^<?([^<>\s]+@[^<>\s]+)>?$/.exec(name)?.[1];
  if (wanted === undefined || name.startsWith('user/')) return [];
  return [...allMessages(reader.index)].filter((message) => {
    if (message.chunkId === null) return false;
    const fields = [...fieldsOf(headOf(reader, message))].find(
      ([field]) => field.toLowerCase() === 'message-id',
    );
    return fields?.[1].some((value) => value.includes(`<${wanted}>`)) === true;
  });
}
