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
export interface Upcoming {
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

export interface UpcomingWithKeys extends Upcoming {
  /** Each block's Location.blockKey. */
  readonly blockKeys: readonly string[];
}

export interface UpcomingBlock {
  readonly fileOffset: number;
  readonly fileEnd: number;
  readonly sizeBytes: number;
}

export interface UpcomingFile {
  /** The child's number. */
  readonly number: number;
  readonly sizeBytes: number;
  readonly block: number;
  readonly offsetInBlock: number;
  /** In lower-case hexadecimal. */
  readonly sha1: string;
}

export function fileCount({ files }: Upcoming): number {
  return files.length / FILE_NUMBERS;
}

export function fileNumber({ files }: Upcoming, at: number): number {
  return files[at * FILE_NUMBERS] ?? 0;
}

export function fileAt({ files, sha1s }: Upcoming, at: number): UpcomingFile {
  const first = at * FILE_NUMBERS;
  return {
    number: files[first] ?? 0,
    sizeBytes: files[first + 1] ?? 0,
    block: files[first + 2] ?? 0,
    offsetInBlock: files[first + 3] ?? 0,
    sha1: sha1s.slice(at * SHA1_CHARACTERS, (at + 1) * SHA1_CHARACTERS),
  };
}

export function blockAt({ blocks }: Upcoming, at: number): UpcomingBlock {
  const first = at * BLOCK_NUMBERS;
  return {
    fileOffset: blocks[first] ?? 0,
    fileEnd: blocks[first + 1] ?? 0,
    sizeBytes: blocks[first + 2] ?? 0,
  };
}

export class UpcomingBuilder {
  readonly #blockKeys: string[] = [];
  readonly #blocks: number[] = [];
  readonly #files: number[] = [];
  #sha1s = '';

  get fileCount(): number {
    return this.#files.length / FILE_NUMBERS;
  }

  /** Returns the block's position. */
  addBlock(key: string, { fileOffset, fileEnd, sizeBytes }: UpcomingBlock): number {
    this.#blocks.push(fileOffset, fileEnd, sizeBytes);
    return this.#blockKeys.push(key) - 1;
  }

  addFile({ number, sizeBytes, block, offsetInBlock, sha1 }: UpcomingFile): void {
    this.#files.push(number, sizeBytes, block, offsetInBlock);
    this.#sha1s += sha1;
  }

  /** For `dataFile` and `inode`, see Upcoming. */
  finish(dataFile: string, inode: bigint): UpcomingWithKeys {
    const blocks = Float64Array.from(this.#blocks);
    const files = Float64Array.from(this.#files);
    return { dataFile, inode, blocks, files, sha1s: this.#sha1s, blockKeys: this.#blockKeys };
  }
}
