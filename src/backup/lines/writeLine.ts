/**
 * Writes a line of the log in pieces, because the line of a large mailbox is tens of megabytes
 * long.
 */
import type { FoldLine } from '../../index/types.ts';
import type { ChunkWriter } from '../../log/write/chunkWriter.ts';
import { printItemPieces } from '../../protocol/print.ts';

/** The approximate length of a piece, in characters. */
const WRITE_CHARS = 1 << 16;

export async function writeLine(writer: ChunkWriter, line: FoldLine): Promise<void> {
  let text = `${line.time} APPLY `;
  for (const piece of printItemPieces(line.name, line.value, 'log')) {
    text += piece;
    if (text.length < WRITE_CHARS) continue;
    await writer.write(text);
    text = '';
  }
  await writer.write(`${text}\r\n`);
}
