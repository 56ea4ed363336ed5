/**
 * The data file that a compaction writes: lines in the order in which they are given, cut into chunks as the configuration
 * asks. Nothing of it counts before it has a name, so syncing it is for whoever gives it one.
 */
import { ChunkWriter } from '../log/writer.ts';
import type { FoldLine } from '../index/types.ts';
import { toLog } from './envelope.ts';
import { writeLine } from './writeLine.ts';

/** In bytes after decompression; 0 for none. */
export interface ChunkSizes {
  /** Neighbouring chunks are put together while one of them is smaller. */
  readonly min: number;
  /** Chunks are not to become larger. */
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

  /** Of the chunk that is being written, after decompression; 0 between chunks. */
  get length(): number {
    return this.#writer?.length ?? 0;
  }

  /** Bytes of the chunks that were ended. */
  get fileEnd(): number {
    return this.#fileEnd;
  }

  /** A line's time: they never go back in a file, as those of a clock that was set back would. */
  timeFor(time: number): number {
    this.#time = Math.min(Math.max(this.#time, time), this.#latestTime);
    return this.#time;
  }

  /** The chunk at hand, for writing messages to. */
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

/** Whether a chunk of so many bytes goes on with what comes next (cyrus-imapd backup/lcb_compact.c, want_combine). */
export function isCombined(
  length: number,
  nextLength: number | undefined,
  { min, max }: ChunkSizes,
): boolean {
  if (nextLength === undefined || (length >= min && nextLength >= min)) return false;
  return max === 0 || length + nextLength <= max;
}

/** Whether a chunk ends where `written` bytes of it have been (want_split there); without `written`: whether it will at all. */
export function isSplit(chunkLength: number, written: number | null, { min, max }: ChunkSizes): boolean {
  if (max === 0 || chunkLength < max + min) return false;
  return written === null || (written >= max && chunkLength - written > min);
}
