/**
 * Returns the decompressed bytes of one chunk to callers that read it forward. Inflates each block
 * only once.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { BlockReader } from './blockReader.ts';
import { blockAt } from './messageBytes.ts';
import type { Block } from './messageBytes.ts';

export class ChunkBytes {
  readonly fd: number;
  readonly #index: IndexFile;
  readonly #chunkId: number;
  readonly #reader: BlockReader;
  #block: Block | undefined;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(index: IndexFile, fd: number, chunkId: number) {
    this.fd = fd;
    this.#index = index;
    this.#chunkId = chunkId;
    this.#reader = new BlockReader(index);
  }

  /**
   * Returns the bytes from `start` up to `end`. The result is valid until the next call. Throws
   * 'damaged'.
   */
  read(start: number, end: number): Buffer {
    const parts: Buffer[] = [];
    for (let at = start; at < end;) {
      const block = this.#load(at);
      const part = this.#bytes.subarray(at - block.start, Math.min(end, block.end) - block.start);
      parts.push(part);
      at += part.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  close(): void {
    this.#reader.close();
  }

  #load(offset: number): Block {
    const last = this.#block;
    if (last !== undefined && last.start <= offset && offset < last.end) return last;
    const block = blockAt(this.#index, this.#chunkId, offset);
    this.#bytes = this.#reader.load(this.fd, block);
    this.#block = block;
    return block;
  }
}
