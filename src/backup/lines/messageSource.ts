/**
 * Writes the messages that a MAILBOX line claims to the log.
 *
 * - If a staged segment is claimed as a whole, its compressed bytes are copied unchanged.
 * - Other messages are compressed again one by one. They come from a segment that is claimed only
 *   in part, or from another user's backup in the same session.
 */
import type { FoldLine } from '../../index/types.ts';
import type { StagedUpload } from '../../log/write/staging.ts';
import type { ChunkWriter } from '../../log/write/chunkWriter.ts';
import { FileLiteral } from '../../protocol/dlist.ts';
import { printFileHeader } from '../../protocol/print.ts';

/**
 * The files of a MESSAGE line as they were staged, without the line's parentheses. The files'
 * positions are offsets in the segment.
 */
export interface UploadedLine {
  readonly segment: StagedUpload;
  readonly files: readonly FileLiteral[];
}

export type MessageSource =
  | { readonly kind: 'segment'; readonly line: UploadedLine }
  | { readonly kind: 'copy'; readonly file: FileLiteral; read(offset: number, sizeBytes: number): Buffer };

type CopySource = Extract<MessageSource, { kind: 'copy' }>;

export interface MessagePlan {
  /** The lines to fold. Their files have the positions that they will have in the chunk. */
  readonly lines: readonly FoldLine[];
  /** Writes the planned lines to the log. */
  write(writer: ChunkWriter): Promise<void>;
}

const COPY_BYTES = 256 * 1024;
/** The maximum number of messages in one line, as in sync_client. */
export const FILES_PER_LINE = 1024;

/**
 * Computes the position of each message before a byte is written. The lengths before compression
 * suffice for that.
 */
export function planMessages(sources: readonly MessageSource[], start: number, time: number): MessagePlan {
  const lines: FoldLine[] = [];
  const writes: ((writer: ChunkWriter) => Promise<void>)[] = [];
  let at = start;
  for (const source of sources) {
    if (source.kind !== 'segment') continue;
    const { segment, files } = source.line;
    const base = at + messageLineStart(time).length;
    lines.push({ time, name: 'MESSAGE', value: files.map((file) => moved(file, base + file.position)) });
    writes.push((writer) => writeSegment(writer, segment, time));
    at = base + segment.length + messageLineEnd.length;
  }
  const copies = sources.filter((source) => source.kind === 'copy');
  for (let first = 0; first < copies.length; first += FILES_PER_LINE) {
    const batch = copies.slice(first, first + FILES_PER_LINE);
    const files = layOut(batch, at, time);
    lines.push({ time, name: 'MESSAGE', value: files.files });
    writes.push((writer) => writeCopies(writer, batch, time));
    at = files.end;
  }
  return {
    lines,
    async write(writer) {
      for (const write of writes) await write(writer);
    },
  };
}

function moved(file: FileLiteral, position: number): FileLiteral {
  const copy = new FileLiteral(file.partition, file.guid, file.size);
  copy.position = position;
  return copy;
}

/** Returns the beginning of a MESSAGE line, up to its first file. */
export function messageLineStart(time: number): string {
  return `${time} APPLY MESSAGE (`;
}

export const messageLineEnd = ')\r\n';

async function writeSegment(writer: ChunkWriter, segment: StagedUpload, time: number): Promise<void> {
  await writer.mark();
  await writer.write(messageLineStart(time));
  await writer.splice(segment);
  await writer.write(messageLineEnd);
}

function layOut(
  copies: readonly CopySource[],
  start: number,
  time: number,
): { files: FileLiteral[]; end: number } {
  let at = start + messageLineStart(time).length;
  const files = copies.map(({ file }, index) => {
    at += (index === 0 ? 0 : 1) + printFileHeader(file).length;
    const placed = moved(file, at);
    at += file.size;
    return placed;
  });
  return { files, end: at + messageLineEnd.length };
}

async function writeCopies(writer: ChunkWriter, copies: readonly CopySource[], time: number): Promise<void> {
  await writer.mark();
  await writer.write(messageLineStart(time));
  for (const [index, source] of copies.entries()) {
    const { file } = source;
    if (index > 0) await writer.write(' ');
    await writer.mark();
    await writer.write(printFileHeader(file));
    for (let at = 0; at < file.size; at += COPY_BYTES) {
      await writer.write(source.read(at, Math.min(COPY_BYTES, file.size - at)));
    }
  }
  await writer.write(messageLineEnd);
}
