/**
 * What an index from before the damage still knows of a chunk. With it, a damaged chunk is read
 * with its offsets as they were, and every whole message is found, whatever happened to the lines
 * around it.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { pointsOfChunk } from '../../index/queries/points.ts';
import { chunkAt, messagesOfChunk } from '../../index/queries/current.ts';
import type { Chunk, StoredMessage } from '../../index/types.ts';
import type { FlushPoint } from '../../log/format.ts';
import { hasItsBytes } from '../read/messageBytes.ts';

export class KnownChunk {
  readonly chunk: Chunk;
  /** In order. */
  readonly points: readonly FlushPoint[];
  /** In the order of their offsets. */
  readonly messages: readonly StoredMessage[];
  readonly #index: IndexFile;

  private constructor(index: IndexFile, chunk: Chunk) {
    this.#index = index;
    this.chunk = chunk;
    this.points = pointsOfChunk(index, chunk.id);
    this.messages = messagesOfChunk(index, chunk.id);
  }

  /**
   * Returns the chunk that begins at an offset in the file. Returns null if the index does not know
   * it, or knows nothing in it.
   */
  static find(index: IndexFile | null, fileOffset: number): KnownChunk | null {
    const chunk = index === null ? undefined : chunkAt(index, fileOffset);
    return index === null || chunk === undefined || chunk.length === 0 ? null : new KnownChunk(index, chunk);
  }

  /** Reports whether an uncompressed offset lies within a message's bytes. */
  isInMessage(offset: number): boolean {
    let [low, high] = [0, this.messages.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.messages[middle]?.offset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const before = this.messages[low - 1];
    return before !== undefined && offset < (before.offset ?? 0) + before.size;
  }

  /** Reports whether a message's bytes still match its GUID. */
  isWhole(fd: number, message: StoredMessage): boolean {
    return hasItsBytes(this.#index, fd, message);
  }
}
