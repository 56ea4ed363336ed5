/**
 * Writes the data file of a compaction: lines in the order in which they are given, cut into chunks
 * as the configuration asks. The file does not count before it is renamed into place, so the caller
 * syncs it before the rename.
 */
import { ChunkWriter } from '../../log/write/chunkWriter.ts';
import type { FoldLine } from '../../index/types.ts';
import { toLog } from '../lines/envelope.ts';
import { writeLine } from '../lines/writeLine.ts';

/** Limits in bytes after decompression; 0 for none. */
export interface ChunkSizes {
  /** Neighbouring chunks are combined while one of them is smaller. */
  readonly min: number;
  /** Chunks should not become larger. */
  readonly max: number;
}

export class CompactWriter {
  readonly #fd: number;
  readonly #level: number;
  readonly #latestTime: number;
  #writer: ChunkWriter | null = null;
  #fileEnd = 0;
  #time = 0;

  /** `latestTime`: no line gets a later one. */
  constructor(fd: number, compressionLevel: number, latestTime: number) {
    this.#fd = fd;
    this.#level = compressionLevel;
    this.#latestTime = latestTime;
  }

  /** Bytes of the current chunk, after decompression; 0 between chunks. */
  get length(): number {
    return this.#writer?.length ?? 0;
  }

  /** Bytes of the chunks that were ended, in the file. */
  get fileEnd(): number {
    return this.#fileEnd;
  }

  /**
   * Returns the time to write for a line. Times in a file never go back, even if the clock was set
   * back.
   */
  timeFor(time: number): number {
    this.#time = Math.min(Math.max(this.#time, time), this.#latestTime);
    return this.#time;
  }

  /** Returns the current chunk, for messages to be written to. Begins one if none is open. */
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
 * Reports whether a chunk is split after `written` of its bytes (want_split there). With null:
 * whether it will be split at all.
 */
export function isSplit(chunkLength: number, written: number | null, { min, max }: ChunkSizes): boolean {
  if (max === 0 || chunkLength < max + min) return false;
  return written === null || (written >= max && chunkLength - written > min);
}
