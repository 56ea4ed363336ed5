/**
 * `cyr_backup show ...`: prints details, as the originals do (cyrus-imapd backup/cyr_backup.c,
 * cmd_show_*). The originals never implemented `show chunks`; here it prints the properties of each
 * chunk and its lines.
 */
import { fromLog } from '../../backup/lines/envelope.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { chunkById } from '../../index/queries/chunks.ts';
import { mailboxById } from '../../index/queries/mailboxes.ts';
import { messageByGuid } from '../../index/queries/messages.ts';
import { recordsOfMessage } from '../../index/queries/records.ts';
import type { Chunk, LiveMailbox } from '../../index/types.ts';
import type { BackupReader } from '../../backup/reader.ts';
import { ChunkReader } from '../../log/read/chunkReader.ts';
import { KeyValues, optionalList, optionalString } from '../../protocol/dlist.ts';
import { logLimits } from '../../protocol/limits.ts';
import type { LogLine } from '../../protocol/grammar.ts';
import { readLogLine } from '../../protocol/logDriver.ts';
import { localTime, nameFor, writeBytes } from '../common/text.ts';
import { mailboxNamed, notThere, recordsIn } from './command.ts';
import type { Lack, Look } from './command.ts';
import { headOf } from './messageHead.ts';

export function showChunks(look: Look): Lack[] {
  return look.names.filter((name) => !showChunk(look, name)).map((name) => notThere('chunk', name));
}

function showChunk({ reader, io }: Look, name: string): boolean {
  const chunk = /^[0-9]{1,15}$/.test(name) ? chunkById(reader.index, Number(name)) : undefined;
  if (chunk === undefined) return false;
  const stored = chunk.fileEnd - chunk.offset;
  const percent = ((100 * stored) / Math.max(1, chunk.length)).toFixed(1);
  const fields = [
    ['id', chunk.id],
    ['offset', chunk.offset],
    ['stored', `${stored} (${percent}%)`],
    ['length', chunk.length],
    ['start', localTime(chunk.tsStart)],
    ['end', localTime(chunk.tsEnd)],
    ['sha1', chunk.memberSha1 === '' ? 'none yet' : chunk.memberSha1],
    ['state', chunk.state],
  ];
  for (const [key, value] of fields) io.stdout.write(`${`${key}:`.padEnd(9)}${value}\n`);
  io.stdout.write('lines:\n    offset  time                 line\n');
  for (const { offset, text } of linesOf(reader, chunk))
    writeBytes(io, `${String(offset).padStart(10)}  ${text}\n`);
  io.stdout.write('\n');
  return true;
}

/**
 * Yields a chunk's lines as byte strings; if the chunk is damaged, yields the readable lines and
 * then the error.
 */
function* linesOf(reader: BackupReader, chunk: Chunk): Generator<{ offset: number; text: string }> {
  const lines = new ChunkReader(reader.fd, chunk.offset, chunk.fileEnd);
  try {
    for (;;) {
      const offset = lines.position;
      if (offset >= chunk.length) return;
      const line = readLogLine(lines, logLimits, (file) => lines.stream(file.size, () => undefined));
      if (line === null) return;
      yield { offset: lineStart(offset), text: `${localTime(line.time)}  ${summaryOf(line)}` };
    }
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    yield { offset: lines.position, text: messageOf(error) };
  } finally {
    lines.close();
  }
}

const CHUNK_HEADER_BYTES = 29;

/** The first line of a chunk is read together with the chunk's header. */
function lineStart(offset: number): number {
  return Math.max(offset, CHUNK_HEADER_BYTES);
}

/** Summarizes a line: `MAILBOX user.anne (2 records)`, `MESSAGE (3 messages)`. */
function summaryOf(logged: LogLine): string {
  const { name, value } = fromLog(logged);
  if (Array.isArray(value))
    return `${name} (${counted(value.length, name === 'MESSAGE' ? 'message' : 'value')})`;
  if (!(value instanceof KeyValues)) return typeof value === 'string' ? `${name} ${value}` : name;
  const keys = ['MBOXNAME', 'OLDMBOXNAME', 'USERID', 'FILENAME', 'UNIQUEID'];
  const subject = keys.map((key) => stringIn(value, key)).find((found) => found !== undefined);
  const records = value.get('RECORD') === undefined ? undefined : optionalList(value, 'RECORD')?.length;
  const count = records === undefined ? '' : ` (${counted(records, 'record')})`;
  return `${name}${subject === undefined ? '' : ` ${subject}`}${count}`;
}

function stringIn(values: KeyValues, key: string): string | undefined {
  return typeof values.get(key) === 'string' ? optionalString(values, key) : undefined;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export function showMailboxes(look: Look): Lack[] {
  const { io, names } = look;
  const missing: Lack[] = [];
  for (const name of names) {
    const mailbox = mailboxNamed(look, name);
    if (mailbox === undefined) {
      missing.push(notThere('mailbox', name));
      continue;
    }
    writeBytes(io, `mboxname: ${nameFor(io, mailbox.name)}\nuniqueid: ${mailbox.uniqueid}\n`);
    if (mailbox.deleted !== null) io.stdout.write(`deleted:  ${localTime(mailbox.deleted)}\n`);
    io.stdout.write('messages:\n       uid  expunged time        guid\n');
    for (const { uid, expunged, guid } of recordsIn(look, mailbox)) {
      const time = expunged === null ? ' '.repeat(19) : localTime(expunged);
      io.stdout.write(`${String(uid).padStart(10)}  ${time}  ${guid}\n`);
    }
    io.stdout.write('\n');
  }
  return missing;
}

export function showMessages({ reader, io, names }: Look): Lack[] {
  const missing: Lack[] = [];
  for (const name of names) {
    const message = messageByGuid(reader.index, name.toLowerCase());
    if (message === undefined || message.chunkId === null) {
      missing.push(notThere('message', name));
      continue;
    }
    io.stdout.write(`guid:\t${message.guid}\nmailboxes:\n`);
    for (const mailbox of mailboxesWith(reader, message.id)) {
      writeBytes(io, `\t${mailbox.uniqueid}\t${nameFor(io, mailbox.name)}\n`);
    }
    writeBytes(io, `headers:\n${headOf(reader, message)}\r\n\n`);
  }
  return missing;
}

/** Returns the mailboxes that have or had the message, without duplicates. */
export function mailboxesWith(reader: BackupReader, messageId: number): LiveMailbox[] {
  const ids = new Set(recordsOfMessage(reader.index, messageId).map((record) => record.mailboxId));
  return [...ids].flatMap((id) => mailboxById(reader.index, id) ?? []);
}
