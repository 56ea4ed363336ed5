/**
 * Writes the data file of a compaction. Writes lines in the given order, and divides them into
 * chunks of the configured sizes. The file is not used before it is renamed into place, so the
 * caller syncs it once, before the rename.
 */
import { ChunkWriter } from '../../log/write/chunkWriter.ts';
import type { FoldLine } from '../../index/types.ts';
import { toLog } from '../lines/envelope.ts';
import { writeLine } from '../lines/writeLine.ts';

/** Limits of the chunk size, in bytes after decompression; 0 for no limit. */
export interface ChunkSizes {
  /** Adjacent chunks are combined while one of them is smaller than this. */
  readonly min: number;
  /** A chunk should not become larger than this. */
  readonly max: number;
}

export class CompactWriter {
  readonly #fd: number;
  readonly #level: number;
  readonly #latestTime: number;
  #writer: ChunkWriter | null = null;
  #fileEnd = 0;
  #time = 0;

  /** `latestTime`: no line is written with a later time. */
  constructor(fd: number, compressionLevel: number, latestTime: number) {
    this.#fd = fd;
    this.#level = compressionLevel;
    this.#latestTime = latestTime;
  }

  /** Bytes of the current chunk, after decompression; 0 between chunks. */
  get length(): number {
    return this.#writer?.length ?? 0;
  }

  /** The total size of the ended chunks in the file, in bytes. */
  get fileEnd(): number {
    return this.#fileEnd;
  }

  /**
   * Returns the time to write for a line. Times in a file never decrease, even if the clock was set
   * back.
   */
  timeFor(time: number): number {
    this.#time = Math.min(Math.max(this.#time, time), this.#latestTime);
    return this.#time;
  }

  /**
   * Returns the current chunk, to which the caller may write messages. Begins a chunk if none is
   * open.
   */
  async chunk(): Promise<ChunkWriter> {
    this.#writer ??= await ChunkWriter.open(this.#fd, this.#fileEnd, {
      level: this.#level,
      isSynced: false,
    });
    return this.#writer;
  }

  async line(line: FoldLine): Promise<void> {
    const writer = await this.chunk();
    await writer.mark();
    await writeLine(writer, toLog({ ...line, time: this.timeFor(line.time) }));
  }

  async endChunk(): Promise<void> {
    if (this.#writer === null) return;
    const { fileEnd } = await this.#writer.close();
    this.#writer = null;
    this.#fileEnd = fileEnd;
  }
}

/**
 * Reports whether a chunk of `length` bytes is combined with the next (cyrus-imapd
 * backup/lcb_compact.c, want_combine).
 */
export function isCombined(
  length: number,
  nextLength: number | undefined,
  { min, max }: ChunkSizes,
): boolean {
  if (nextLength === undefined || (length >= min && nextLength >= min)) return false;
  return max === 0 || length + nextLength <= max;
}

/**
 * Reports whether a chunk is split after `written` of its bytes (cyrus-imapd backup/lcb_compact.c,
 * want_split). If `written` is null, reports whether the chunk will be split at all.
 */
export function isSplit(chunkLength: number, written: number | null, { min, max }: ChunkSizes): boolean {
  if (max === 0 || chunkLength < max + min) return false;
  return written === null || (written >= max && chunkLength - written > min);
}
