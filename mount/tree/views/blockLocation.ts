/** Locates a byte of a chunk for the block cache. A block has the same key for every caller. */
import { loadBlock, loadBlockStart } from '../../../src/backup/read/messageBytes.ts';
import type { Block } from '../../../src/backup/read/messageBytes.ts';
import type { BackupReader } from '../../../src/backup/reader.ts';
import type { Location } from '../../vfs/tree.ts';

export function blockKey(reader: BackupReader, block: Block): string {
  return `${reader.serial}:${block.from.fileOffset}:${block.start}-${block.end}`;
}

/** Returns the location of the byte at `offset` in the decompressed chunk. */
export function blockLocation(reader: BackupReader, chunkId: number, offset: number): Location {
  const block = reader.blockAt(chunkId, offset);
  return {
    blockKey: blockKey(reader, block),
    offsetInBlock: offset - block.start,
    stored: { fd: reader.fd, start: block.from.fileOffset, end: block.fileEnd },
    load: (room) => loadBlock(reader.fd, block, room),
    loadStart: (sizeBytes, room) => loadBlockStart(reader.fd, block, sizeBytes, room),
  };
}
