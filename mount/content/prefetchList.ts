/**
 * Lists files that are likely to be read soon, with the positions of their bytes. The list is
 * packed into arrays of numbers. Many thousands of files a second are posted to another thread, and
 * posting them as objects would cost more than hashing the messages.
 */

/**
 * The count of array elements per block: its start and end in the data file, and its inflated size.
 */
const BLOCK_NUMBERS = 3;
/**
 * The count of array elements per file: the child's number in its folder, the file's size, its
 * first block, and its offset in that block. The file continues in the following blocks.
 */
const FILE_NUMBERS = 4;
const SHA1_CHARACTERS = 40;

/**
 * A list of files to prefetch. It holds plain values only, so that it can be posted to a thread.
 */
export interface PrefetchPlan {
  /**
   * The path of the data file. The inode number identifies the file, because another file may have
   * replaced it by the time it is opened.
   */
  readonly dataFile: string;
  readonly inode: bigint;
  readonly blocks: Float64Array;
  /** The files, in the order in which the folder lists them. */
  readonly files: Float64Array;
  readonly sha1s: string;
}

export interface PrefetchPlanWithKeys extends PrefetchPlan {
  /** The cache key of each block (Location.blockKey). */
  readonly blockKeys: readonly string[];
}

export interface PrefetchBlock {
  readonly fileOffset: number;
  readonly fileEnd: number;
  readonly sizeBytes: number;
}

export interface PrefetchFile {
  /** The child's number in its folder. */
  readonly number: number;
  readonly sizeBytes: number;
  readonly block: number;
  readonly offsetInBlock: number;
  /** The SHA-1 in lower-case hexadecimal. */
  readonly sha1: string;
}

export function fileCount({ files }: PrefetchPlan): number {
  return files.length / FILE_NUMBERS;
}

export function fileNumber({ files }: PrefetchPlan, at: number): number {
  return files[at * FILE_NUMBERS] ?? 0;
}

export function fileAt({ files, sha1s }: PrefetchPlan, at: number): PrefetchFile {
  const first = at * FILE_NUMBERS;
  return {
    number: files[first] ?? 0,
    sizeBytes: files[first + 1] ?? 0,
    block: files[first + 2] ?? 0,
    offsetInBlock: files[first + 3] ?? 0,
    sha1: sha1s.slice(at * SHA1_CHARACTERS, (at + 1) * SHA1_CHARACTERS),
  };
}

export function blockAt({ blocks }: PrefetchPlan, at: number): PrefetchBlock {
  const first = at * BLOCK_NUMBERS;
  return {
    fileOffset: blocks[first] ?? 0,
    fileEnd: blocks[first + 1] ?? 0,
    sizeBytes: blocks[first + 2] ?? 0,
  };
}

export class PrefetchPlanBuilder {
  readonly #blockKeys: string[] = [];
  readonly #blocks: number[] = [];
  readonly #files: number[] = [];
  #sha1s = '';

  get fileCount(): number {
    return this.#files.length / FILE_NUMBERS;
  }

  /** Adds a block and returns its position in the list. */
  addBlock(key: string, { fileOffset, fileEnd, sizeBytes }: PrefetchBlock): number {
    this.#blocks.push(fileOffset, fileEnd, sizeBytes);
    return this.#blockKeys.push(key) - 1;
  }

  addFile({ number, sizeBytes, block, offsetInBlock, sha1 }: PrefetchFile): void {
    this.#files.push(number, sizeBytes, block, offsetInBlock);
    this.#sha1s += sha1;
  }

  /** Returns the finished plan. PrefetchPlan explains `dataFile` and `inode`. */
  finish(dataFile: string, inode: bigint): PrefetchPlanWithKeys {
    const blocks = Float64Array.from(this.#blocks);
    const files = Float64Array.from(this.#files);
    return { dataFile, inode, blocks, files, sha1s: this.#sha1s, blockKeys: this.#blockKeys };
  }
}
