/**
 * Loads blocks for callers that read many messages, mostly in the order of the log. Inflates each
 * block only once.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { chunkById } from '../../index/queries/chunks.ts';
import { ForwardReader } from '../../log/read/forwardReader.ts';
import { loadBlock } from './messageBytes.ts';
import type { Block } from './messageBytes.ts';

/**
 * The number of blocks that are cached. Messages of one folder are adjacent in the log, so the
 * latest blocks are likely to be needed next.
 */
const KEPT_BLOCKS = 8;

export class BlockReader {
  readonly #index: IndexFile;
  readonly #blocks = new Map<string, Buffer>();
  #forward: { readonly chunkId: number; readonly reader: ForwardReader } | undefined;

  constructor(index: IndexFile) {
    this.#index = index;
  }

  /** Loads a block; passed to readMessage() as `load`. Throws 'damaged'. */
  readonly load = (fd: number, block: Block): Buffer => {
    const key = `${block.chunkId}:${block.start}`;
    const kept = this.#blocks.get(key);
    if (kept !== undefined) return kept;
    const bytes = block.isExact ? loadBlock(fd, block) : this.#readOn(fd, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size >= KEPT_BLOCKS && oldest !== undefined) this.#blocks.delete(oldest);
    this.#blocks.set(key, bytes);
    return bytes;
  };

  /** Releases zlib's memory. */
  close(): void {
    this.#forward?.reader.close();
  }

  /**
   * Reads a block that is far from any flush point, as in chunks written by the original tools. If
   * the previous such read ended between the flush point and the block, continues from there.
   */
  #readOn(fd: number, block: Block): Buffer {
    const { chunkId, start, end, from } = block;
    const forward = this.#forward;
    const isOnWay =
      forward?.chunkId === chunkId &&
      forward.reader.position <= start &&
      forward.reader.position >= from.offset;
    if (isOnWay) return forward.reader.read(start, end - start);
    forward?.reader.close();
    const chunk = chunkById(this.#index, chunkId);
    const reader = new ForwardReader(fd, from, chunk?.fileEnd ?? block.fileEnd);
    this.#forward = { chunkId, reader };
    return reader.read(start, end - start);
  }
}
