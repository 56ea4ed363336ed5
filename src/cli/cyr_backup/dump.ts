/**
 * `cyr_backup dump ...`: writes raw bytes to standard output, including NUL bytes (the original
 * tool stops at the first NUL). Works in pieces, so that nothing is held in memory as a whole. A
 * mailbox is written as an mbox, message by message.
 */
import { chunkById } from '../../index/queries/chunks.ts';
import { messageByGuid } from '../../index/queries/messages.ts';
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import { ChunkReader } from '../../log/read/chunkReader.ts';
import { leftOffMbox, mboxMessage } from '../../restore/files/mbox/message.ts';
import { RestoreSource } from '../../restore/source.ts';
import { TRY_AGAIN } from '../common/exitCodes.ts';
import { mailboxNamed, notThere } from './command.ts';
import type { Lack, Look } from './command.ts';

const PIECE_BYTES = 256 * 1024;

/** Dumps the committed lines of a chunk; if the chunk is damaged, dumps what is readable. */
export function dumpChunk({ reader, io, names }: Look): Lack[] {
  const name = names[0] ?? '';
  const chunk = /^[0-9]{1,15}$/.test(name) ? chunkById(reader.index, Number(name)) : undefined;
  if (chunk === undefined) return [notThere('chunk', name)];
  const lines = new ChunkReader(reader.fd, chunk.offset, chunk.fileEnd);
  try {
    lines.stream(chunk.length, (piece) => void io.stdout.write(Buffer.from(piece)));
  } finally {
    lines.close();
  }
  return [];
}

export function dumpMessage({ reader, io, names }: Look): Lack[] {
  const name = names[0] ?? '';
  const message = messageByGuid(reader.index, name.toLowerCase());
  if (message === undefined) return [notThere('message', name)];
  for (let at = 0; at < message.size; at += PIECE_BYTES) {
    io.stdout.write(reader.read(message, at, Math.min(PIECE_BYTES, message.size - at)));
  }
  return [];
}

/**
 * Dumps a mailbox's living messages by UID. Leaves out and reports messages that cannot be read,
 * and flags that an mbox cannot hold.
 */
export function dumpMailbox(look: Look): Lack[] {
  const { reader, io, names, at } = look;
  const name = names[0] ?? '';
  const mailbox = mailboxNamed(look, name);
  if (mailbox === undefined) return [notThere('mailbox', name)];
  const missing: Lack[] = [];
  const source = new RestoreSource('', reader.path, at);
  try {
    for (const record of source.records(mailbox)) {
      if (record.expunged !== null) continue;
      try {
        const flags = record.flags === '' ? [] : record.flags.split(' ');
        const pieces = source.checked(record.guid, record.size);
        for (const piece of mboxMessage({ record, flags, pieces })) io.stdout.write(piece);
        const left = leftOffMbox({ record, flags });
        for (const { what, why } of left) {
          missing.push({ exitCode: TRY_AGAIN, text: `uid ${record.uid}: ${what} left off: ${why}` });
        }
      } catch (error) {
        if (!(error instanceof BackupError)) throw error;
        missing.push({ exitCode: exitCodeOf[error.kind], text: `uid ${record.uid}: ${messageOf(error)}` });
      }
    }
  } finally {
    source.close();
  }
  return missing;
}
