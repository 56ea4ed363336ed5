/**
 * `cyr_backup list ...`: prints line for line what the originals print (cyrus-imapd
 * backup/cyr_backup.c, cmd_list_*).
 */
import type { BackupReader } from '../../backup/reader.ts';
import { disk } from '../../fs/disk/current.ts';
import { chunks } from '../../index/queries/chunks.ts';
import { allMessages } from '../../index/queries/messages.ts';
import { parseState } from '../../index/fold/state.ts';
import type { Chunk, Mailbox } from '../../index/types.ts';
import { optionalNumber } from '../../protocol/dlist.ts';
import { localTime, nameFor, writeBytes } from '../common/text.ts';
import { mailboxesOf } from './command.ts';
import type { Look } from './command.ts';

interface ChunkWithRatio extends Chunk {
  /** Compressed size as a percentage of the uncompressed size. */
  readonly ratio: number;
}

function upTo(chunk: Chunk, end: number): ChunkWithRatio {
  return { ...chunk, ratio: chunk.length === 0 ? 0 : (100 * (end - chunk.offset)) / chunk.length };
}

/** A chunk extends to the start of the next one; the last one extends to the end of the file. */
export function* chunksWithRatio(reader: BackupReader): Generator<ChunkWithRatio> {
  const { size } = disk.fstat(reader.fd);
  let current: Chunk | null = null;
  for (const next of chunks(reader.index)) {
    if (current !== null) yield upTo(current, next.offset);
    current = next;
  }
  if (current !== null) yield upTo(current, size);
}

/** The time of the last append; 1970 if nothing was ever appended, as in the originals. */
export function lastAppend(mailbox: Mailbox): string {
  return localTime(optionalNumber(parseState(mailbox.state), 'LAST_APPENDDATE') ?? 0);
}

export function listChunks({ reader, io }: Look): [] {
  io.stdout.write('     id offset\tlength\tratio%\tstart time           end time\n');
  for (const { id, offset, length, ratio, tsStart: start, tsEnd: end } of chunksWithRatio(reader)) {
    const figures = `${String(id).padStart(7)} ${offset}\t${length}\t${ratio.toFixed(1).padStart(6)}`;
    io.stdout.write(`${figures}\t${localTime(start)}  ${localTime(end)}\n`);
  }
  return [];
}

export function listMailboxes(look: Look): [] {
  const { io } = look;
  io.stdout.write(`${'uniqueid'.padEnd(36)}  ${'last append date'.padEnd(19)}  mboxname\n`);
  for (const mailbox of mailboxesOf(look)) {
    writeBytes(io, `${mailbox.uniqueid}  ${lastAppend(mailbox)}  ${nameFor(io, mailbox.name)}\n`);
  }
  return [];
}

/** Lists only messages whose bytes are in the backup: the original tool knows no others. */
export function listMessages({ reader, io }: Look): [] {
  for (const message of allMessages(reader.index)) {
    if (message.chunkId !== null) io.stdout.write(`${message.guid}\n`);
  }
  return [];
}

/** Writes the headings to standard error, so that standard output holds only the lists. */
export function listAll(look: Look): [] {
  const { io } = look;
  io.stderr.write('listing chunks:\n');
  listChunks(look);
  io.stderr.write('\nlisting mailboxes:\n');
  listMailboxes(look);
  io.stderr.write('\nlisting messages:\n');
  return listMessages(look);
}
