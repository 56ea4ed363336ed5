/**
 * Does the check with which `cyr_backup -v` begins: compares the last chunk with its checksum. The
 * original tool calls this its quick verify.
 */
import type { BackupReader } from '../../backup/reader.ts';
import { BackupError } from '../../errors.ts';
import { lastChunk } from '../../index/queries/chunks.ts';
import { ChunkReader } from '../../log/read/chunkReader.ts';
import type { CliIo } from '../common/io.ts';

/** Checks the last chunk. Throws 'damaged' if its bytes are not as they were written. */
export function checkLastChunk(reader: BackupReader, io: CliIo): void {
  const chunk = lastChunk(reader.index);
  if (chunk === undefined) return;
  io.stdout.write(`checking chunk ${chunk.id} checksums...\n`);
  const lines = new ChunkReader(reader.fd, chunk.offset, chunk.fileEnd);
  try {
    lines.stream(chunk.length, () => undefined);
    if (chunk.state === 'whole') {
      const isSame = lines.line(1) === null && lines.memberSha1 === chunk.memberSha1;
      if (!isSame) throw new BackupError('damaged', `data checksum mismatch for chunk ${chunk.id}`);
    }
    io.stdout.write('ok\n');
  } catch (error) {
    io.stdout.write('error\n');
    throw error;
  } finally {
    lines.close();
  }
}
