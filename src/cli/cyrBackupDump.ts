/**
 * `cyr_backup dump ...`: the bytes themselves on standard output, whatever they are (the originals end at the first
 * NUL), in pieces, so that nothing is held as a whole.
 */
import type { BackupReader } from '../backup/reader.ts';
import { BackupError } from '../errors.ts';
import { chunkById, messageByGuid } from '../index/queries.ts';
import { ChunkReader } from '../log/reader.ts';
import type { CliIo } from './io.ts';

const PIECE_BYTES = 256 * 1024;

/** A chunk's lines, as far as they are committed; of a damaged one, what is readable. */
export function dumpChunk(reader: BackupReader, io: CliIo, argument: string): void {
  const chunk = /^[0-9]{1,15}$/.test(argument) ? chunkById(reader.index, Number(argument)) : undefined;
  if (chunk === undefined) throw new BackupError('not-found', `no chunk ${argument}`);
  const lines = new ChunkReader(reader.fd, chunk.offset, chunk.file_end);
  try {
    lines.stream(chunk.length, (piece) => void io.stdout.write(Buffer.from(piece)));
  } finally {
    lines.close();
  }
}

export function dumpMessage(reader: BackupReader, io: CliIo, argument: string): void {
  const message = messageByGuid(reader.index, argument.toLowerCase());
  if (message === undefined) throw new BackupError('not-found', `no message ${argument}`);
  for (let at = 0; at < message.size; at += PIECE_BYTES) {
    io.stdout.write(reader.read(message, at, Math.min(PIECE_BYTES, message.size - at)));
  }
}
