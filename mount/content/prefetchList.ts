/**
 * Files that are likely to be read soon, and where their bytes lie. They are packed into arrays of
 * numbers: many thousands a second are posted to another thread, and posting them as objects would
 * cost more than hashing the messages.
 */

/** A block's numbers: its start and end in the data file, and its inflated size. */
const BLOCK_NUMBERS = 3;
/**
 * A file's numbers: the child's number, its size, its first block, and its offset in that block.
 * The file continues in the following blocks.
 */
const FILE_NUMBERS = 4;
const SHA1_CHARACTERS = 40;

/** Plain values only, so that it can be posted. */
export interface PrefetchPlan {
  /**
   * The data file and its inode number, because another file may have its name when it is opened.
   */
  readonly dataFile: string;
  readonly inode: bigint;
  readonly blocks: Float64Array;
  /** In list order. */
  readonly files: Float64Array;
  readonly sha1s: string;
}

export interface PrefetchPlanWithKeys extends PrefetchPlan {
  /** Each block's Location.blockKey. */
  readonly blockKeys: readonly string[];
}

export interface PrefetchBlock {
  readonly fileOffset: number;
  readonly fileEnd: number;
  readonly sizeBytes: number;
}

export interface PrefetchFile {
  /** The child's number. */
  readonly number: number;
  readonly sizeBytes: number;
  readonly block: number;
  readonly offsetInBlock: number;
  /** In lower-case hexadecimal. */
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

  /** Returns the block's position. */
  addBlock(key: string, { fileOffset, fileEnd, sizeBytes }: PrefetchBlock): number {
    this.#blocks.push(fileOffset, fileEnd, sizeBytes);
    return this.#blockKeys.push(key) - 1;
  }

  addFile({ number, sizeBytes, block, offsetInBlock, sha1 }: PrefetchFile): void {
    this.#files.push(number, sizeBytes, block, offsetInBlock);
    this.#sha1s += sha1;
  }

  /** For `dataFile` and `inode`, see PrefetchPlan. */
  finish(dataFile: string, inode: bigint): PrefetchPlanWithKeys {
    const blocks = Float64Array.from(this.#blocks);
    const files = Float64Array.from(this.#files);
    return { dataFile, inode, blocks, files, sha1s: this.#sha1s, blockKeys: this.#blockKeys };
  }
}
