/**
 * Holds the flush points and messages of a chunk, taken from an index from before the damage. With
 * them, a damaged chunk is read with its original offsets. Every whole message is found, even if
 * the lines around it are damaged.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { chunkAt } from '../../index/queries/chunks.ts';
import { pointsOfChunk } from '../../index/queries/points.ts';
import { messagesOfChunk } from '../../index/queries/messages.ts';
import type { Chunk, StoredMessage } from '../../index/types.ts';
import type { FlushPoint } from '../../log/format.ts';
import { hasItsBytes } from '../read/messageBytes.ts';

export class KnownChunk {
  readonly chunk: Chunk;
  /** In the order of their offsets. */
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
   * Returns the chunk that begins at a file offset. Returns null if the index does not know the
   * chunk, or has no flush point or message in it.
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
