/**
 * What an index that was made when a chunk was whole still knows of it: by this a damaged chunk is read with its offsets as they were,
 * and every message that is whole is found, whatever became of the lines around it.
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
  /** In the order in which they lie there. */
  readonly messages: readonly StoredMessage[];
  readonly #index: IndexFile;

  private constructor(index: IndexFile, chunk: Chunk) {
    this.#index = index;
    this.chunk = chunk;
    this.points = pointsOfChunk(index, chunk.id);
    this.messages = messagesOfChunk(index, chunk.id);
  }

  /** The chunk that begins at that offset in the file; null where the index knows of none, or of nothing in it. */
  static find(index: IndexFile | null, fileOffset: number): KnownChunk | null {
    const chunk = index === null ? undefined : chunkAt(index, fileOffset);
    return index === null || chunk === undefined || chunk.length === 0 ? null : new KnownChunk(index, chunk);
  }

  /** Whether an uncompressed offset lies in a message's bytes. */
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

  /** Whether a message's bytes are still what its GUID promises. */
  isWhole(fd: number, message: StoredMessage): boolean {
    return hasItsBytes(this.#index, fd, message);
  }
}
