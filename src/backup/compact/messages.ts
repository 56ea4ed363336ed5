/**
 * Copies the messages that a compaction keeps from one chunk to another.
 *
 * The data between two flush points does not depend on data outside. If all of it is kept, its
 * compressed bytes are copied unchanged. They are inflated only to compute the CRC-32 and to check
 * that they are undamaged. All other data is compressed again.
 *
 * Messages that are adjacent in one MESSAGE line stay adjacent in the copy.
 */
import { crc32 } from 'node:zlib';
import { BackupError } from '../../errors.ts';
import type { KeptMessage } from '../../index/queries/retained.ts';
import { readRawBlock } from '../../log/read/blocks.ts';
import type { FlushPoint } from '../../log/format.ts';
import type { ChunkWriter } from '../../log/write/chunkWriter.ts';
import type { ChunkBytes } from '../read/chunkBytes.ts';
import type { CompactWriter } from './writer.ts';
import { FILES_PER_LINE, messageLineEnd, messageLineStart } from '../lines/messageSource.ts';

/**
 * The maximum length of a message's header. Partition names are single words, so a header with its
 * GUID and size is far shorter.
 */
const HEADER_BYTES = 512;
/**
 * Larger blocks were written by the original tools. They are compressed again, with more flush
 * points.
 */
const COPIED_BLOCK_BYTES = 256 * 1024;
/** The number of compressed bytes that are gathered before they are copied. */
const SPLICE_BYTES = 4 << 20;
/** A message is read in pieces of this size. */
const PIECE_BYTES = 256 * 1024;

/**
 * Adjacent messages, separated as in a MESSAGE line. The run extends from the first message's
 * header to the last message's end.
 */
interface Run {
  readonly start: number;
  end: number;
  /** The offset at which each message's header starts. */
  readonly starts: number[];
}

export class MessageCopy {
  readonly #out: CompactWriter;
  readonly #source: ChunkBytes;
  readonly #points: readonly FlushPoint[];
  /** The index of the next flush point that may be used. */
  #nextPoint = 0;
  readonly #time: number;
  /** The length in bytes at which a line is ended. */
  readonly #lineBytes: number;
  readonly #onLine: () => Promise<void>;
  #run: Run | null = null;
  /** The number of messages in the current line. */
  #files = 0;
  #bytes = 0;
  /** The number of runs of the current line that are already written. */
  #written = 0;

  /**
   * `points`: the chunk's flush points, ordered by offset. `onLine`: called after each line, where
   * the chunk may be split.
   */
  constructor(
    out: CompactWriter,
    source: ChunkBytes,
    points: readonly FlushPoint[],
    options: { readonly time: number; readonly lineBytes: number; readonly onLine: () => Promise<void> },
  ) {
    this.#out = out;
    this.#source = source;
    this.#points = points;
    this.#time = options.time;
    this.#lineBytes = options.lineBytes;
    this.#onLine = options.onLine;
  }

  /**
   * Adds a message. The caller must add messages in the order of their offsets. Throws 'damaged'.
   */
  async add(message: KeptMessage): Promise<void> {
    const start = message.offset - this.#headerLength(message);
    const end = message.offset + message.size;
    const run = this.#run;
    if (run !== null && start === run.end + 1) {
      run.starts.push(start);
      run.end = end;
    } else {
      await this.#endRun();
      this.#run = { start, end, starts: [start] };
    }
    this.#files += 1;
    this.#bytes += end - start;
    if (this.#files === FILES_PER_LINE || this.#bytes >= this.#lineBytes) await this.endLine();
  }

  /** Returns the length of the header before a message: `%{partition guid size}` and CRLF. */
  #headerLength({ offset, guid, size }: KeptMessage): number {
    // A separator directly follows the previous message. It is not part of the header.
    const from = Math.max(this.#run?.end ?? 0, offset - HEADER_BYTES);
    const text = this.#source.read(from, offset).toString('latin1');
    const at = text.lastIndexOf('%{');
    if (at === -1 || !text.endsWith(` ${guid} ${size}}\r\n`)) {
      throw new BackupError('damaged', `message ${guid} does not begin where the index says`, {
        subject: guid,
      });
    }
    return text.length - at;
  }

  /** Ends the current line. The caller must also call this after the last message. */
  async endLine(): Promise<void> {
    await this.#endRun();
    if (this.#written === 0) return;
    const writer = await this.#out.chunk();
    await writer.write(messageLineEnd);
    this.#written = 0;
    this.#files = 0;
    this.#bytes = 0;
    await this.#onLine();
  }

  async #endRun(): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    const writer = await this.#out.chunk();
    if (this.#written === 0) {
      await writer.mark();
      await writer.write(messageLineStart(this.#out.timeFor(this.#time)));
    } else await writer.write(' ');
    this.#written += 1;
    await this.#copy(writer, run);
  }

  async #copy(writer: ChunkWriter, { start, end, starts }: Run): Promise<void> {
    let nextStart = 0;
    for (let at = start; at < end;) {
      const spliced = await this.#splice(writer, at, end);
      if (spliced > at) {
        at = spliced;
        continue;
      }
      while (nextStart < starts.length && (starts[nextStart] as number) < at) nextStart += 1;
      if (starts[nextStart] === at) {
        await writer.mark();
        nextStart += 1;
      }
      const stop = Math.min(end, starts[nextStart] ?? end, this.#pointAfter(at) ?? end, at + PIECE_BYTES);
      await writer.write(this.#source.read(at, stop));
      at = stop;
    }
  }

  #pointAfter(offset: number): number | undefined {
    while ((this.#points[this.#nextPoint]?.offset ?? Infinity) <= offset) this.#nextPoint += 1;
    return this.#points[this.#nextPoint]?.offset;
  }

  /**
   * Copies whole blocks between `at` and `end`, beginning at `at`. Returns the offset it has
   * reached.
   */
  async #splice(writer: ChunkWriter, at: number, end: number): Promise<number> {
    this.#pointAfter(at - 1);
    let first = this.#points[this.#nextPoint];
    if (first?.offset !== at) return at;
    const pieces: Buffer[] = [];
    const points: FlushPoint[] = [];
    let compressedBytes = 0;
    let crc = 0;
    const base = first.offset;
    for (let next = this.#nextPoint + 1; compressedBytes < SPLICE_BYTES; next += 1) {
      const last = this.#points[next];
      if (last === undefined || last.offset > end || last.offset - first.offset > COPIED_BLOCK_BYTES) break;
      const { compressed, bytes } = readRawBlock(this.#source.fd, first, last);
      points.push({ offset: first.offset - base, fileOffset: compressedBytes });
      pieces.push(compressed);
      compressedBytes += compressed.length;
      crc = crc32(bytes, crc);
      first = last;
    }
    const length = first.offset - base;
    if (length > 0)
      await writer.splice({ length, crc32: crc, compressedBytes, points, compressed: () => pieces });
    return first.offset;
  }
}
