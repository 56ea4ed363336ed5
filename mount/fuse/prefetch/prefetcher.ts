/**
 * Notices who reads one file of a folder after another, and has other threads (aheadWorker.ts) put the next ones into the
 * kernel's cache: then the reader never asks for them.
 *
 * Of what is in its cache the kernel tells nothing. So of each stretch one file, half way, is left out: when that is asked for, it is time
 * for another stretch. The kernel does the same with the pages of a file. The first stretches are short; who reads on has two or more of them
 * ahead, so that as many threads have work.
 */
import type { SharedBlocksReader } from '../../content/sharedBlocks.ts';
import { fileAt, fileCount, fileNumber } from '../../content/prefetchList.ts';
import type { Upcoming } from '../../content/prefetchList.ts';
import type { FolderPlace, Node } from '../../vfs/tree.ts';

const SHORTEST_BYTES = 256 * 1024;
const LONGEST_BYTES = 2 * 1024 * 1024;
/** Read one after another, before anybody reads ahead. */
const ENOUGH_FILES = 3;
/** Of those gone, and of those left out, there may be some between one and the next. */
const NEAR_NUMBERS = 32;
/** Who reads in more places than this at a time is not helped. */
const MOST_STREAMS = 16;
/** Blocks of which it is still known that another thread was given them. */
const KNOWN_BLOCKS = 512;
/** Stretches that are not read yet, of who has read the first one: at least so many, and one for each thread. */
const LEAST_STRETCHES = 2;
/**
 * Who looks into headers only should not have longer files inflated, up to the second bound: those are for who has read one of them to its end. Longer
 * ones the kernel reads ahead by itself.
 */
const LARGE_BYTES = 128 * 1024;
const LARGEST_BYTES = 1024 * 1024;
/** What is left out should not take long. */
const SMALL_BYTES = 32 * 1024;

/** Blocks are numbered in an Int32Array. */
const MAX_NUMBER = 2 ** 31 - 1;

/** What another thread is told: its blocks' numbers go up by one from `firstBlock`. */
export interface Stretch {
  readonly placeNumber: number;
  readonly firstBlock: number;
  /** The number of the file that is not to be put anywhere. */
  readonly leftOut: number;
  /** See SharedBlocksWriter.passed. */
  readonly work: number;
  readonly upcoming: Upcoming;
}

/** One of the threads that read ahead. */
export interface Lane {
  readonly blocks: SharedBlocksReader;
  post(stretch: Stretch): void;
}

/** A stretch that was given to a thread. */
interface Given {
  readonly mark: number;
  readonly lane: Lane;
  readonly work: number;
}

interface Stream {
  readonly placeNumber: number;
  last: number;
  /** The last file that other threads were told of. */
  reach: number;
  filesRead: number;
  /** Whose mark was not read yet, in order. */
  ahead: Given[];
  /** Those whose mark was read last; they may still be worked at. */
  passed: Given[];
  /** Of the next stretch. */
  bytes: number;
  /** So many stretches should be ahead. */
  wanted: number;
  isOver: boolean;
  /** Of the last large file so much was read. */
  large: 'none' | 'begun' | 'all';
}

export class ReadAhead {
  readonly #lanes: readonly Lane[];
  readonly #stretchesAhead: number;
  readonly #known = new Map<string, { readonly lane: Lane; readonly number: number }>();
  #streams: Stream[] = [];
  #wanted: { readonly stream: Stream; readonly folder: FolderPlace } | undefined;
  #nextBlock = 1;

  /** The first lanes are used first. */
  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
    this.#stretchesAhead = Math.max(LEAST_STRETCHES, lanes.length);
  }

  /** Copies from the block, where another thread has inflated it, or is about to have: see SharedBlocksReader.copy. */
  readonly copyBlock = (key: string, offset: number, target: Buffer): number => {
    const known = this.#known.get(key);
    return known?.lane.blocks.copy(known.number, offset, target) ?? 0;
  };

  /** Some thread has not done yet what it was given. */
  get isBusy(): boolean {
    return this.#lanes.some(({ blocks }) => blocks.pending > 0);
  }

  /** The beginning of a file was read; `isAll`: so was its end. */
  note(placeNumber: number, { place, number }: Node, isAll: boolean): void {
    if (place.kind !== 'folder' || place.upcoming === undefined) return;
    const stream = this.#streamOf(placeNumber, number);
    if (number === stream.last) return;
    stream.last = number;
    stream.filesRead += 1;
    if (stream.large === 'begun') stream.large = 'none';
    if (!isAll) stream.large = 'begun';
    this.#tellPassed(stream);
    const isEnough = stream.filesRead >= ENOUGH_FILES && !stream.isOver;
    if (isEnough && stream.ahead.length < stream.wanted) this.#wanted = { stream, folder: place };
  }

  /** The end of a file was read whose beginning was noted before. */
  noteEnd(placeNumber: number, { number }: Node): void {
    const stream = this.#streams.find((each) => each.placeNumber === placeNumber && each.last === number);
    if (stream?.large === 'begun') stream.large = 'all';
  }

  /** What is to be done when the kernel has its answer. What the tree throws is of no account: nobody has asked. */
  afterReply(): void {
    if (this.#wanted === undefined) return;
    const { stream, folder } = this.#wanted;
    this.#wanted = undefined;
    try {
      while (stream.ahead.length < stream.wanted && !stream.isOver) this.#goOn(stream, folder);
      stream.wanted = this.#stretchesAhead;
    } catch {
      stream.isOver = true;
    }
  }

  #goOn(stream: Stream, folder: FolderPlace): void {
    const largestBytes = stream.large === 'all' ? LARGEST_BYTES : LARGE_BYTES;
    const after = Math.max(stream.last, stream.reach);
    const found = folder.upcoming?.(after, stream.bytes, largestBytes);
    const lane = this.#idlestLane();
    if (found === undefined || lane === undefined || fileCount(found) === 0) {
      stream.isOver = true;
      return;
    }
    stream.reach = fileNumber(found, fileCount(found) - 1);
    stream.bytes = Math.min(LONGEST_BYTES, stream.bytes * 2);
    const { blockKeys, ...upcoming } = found;
    const firstBlock = this.#numberBlocks(blockKeys, lane);
    const mark = markOf(upcoming);
    const work = lane.blocks.noteGiven();
    stream.ahead.push({ mark, lane, work });
    lane.post({ placeNumber: stream.placeNumber, firstBlock, leftOut: mark, work, upcoming });
  }

  /** What was read when it was not there yet need not be put there any more. */
  #tellPassed(stream: Stream): void {
    const { last, ahead } = stream;
    const isPassed = ({ mark }: Given): boolean => last >= mark;
    stream.passed = [...stream.passed, ...ahead.filter(isPassed)].slice(-this.#stretchesAhead);
    stream.ahead = ahead.filter((given) => !isPassed(given));
    for (const { lane, work } of [...stream.passed, ...stream.ahead]) lane.blocks.tellPassed(work, last);
  }

  #idlestLane(): Lane | undefined {
    const load = (lane: Lane | undefined): number => lane?.blocks.pending ?? Infinity;
    return this.#lanes.reduce<Lane | undefined>(
      (idlest, lane) => (load(lane) < load(idlest) ? lane : idlest),
      undefined,
    );
  }

  #numberBlocks(keys: readonly string[], lane: Lane): number {
    if (this.#nextBlock + keys.length > MAX_NUMBER) this.#startOver();
    for (const key of keys) {
      this.#known.delete(key);
      this.#known.set(key, { lane, number: this.#nextBlock });
      this.#nextBlock += 1;
    }
    for (const key of this.#known.keys()) {
      if (this.#known.size <= KNOWN_BLOCKS) break;
      this.#known.delete(key);
    }
    return this.#nextBlock - keys.length;
  }

  #startOver(): void {
    this.#known.clear();
    this.#nextBlock = 1;
  }

  #streamOf(placeNumber: number, number: number): Stream {
    const isOf = ({ placeNumber: own, last, reach }: Stream): boolean =>
      own === placeNumber && number >= last && number <= Math.max(last, reach) + NEAR_NUMBERS;
    const known = this.#streams.find(isOf);
    if (known !== undefined) return known;
    const stream: Stream = {
      placeNumber,
      last: number,
      reach: 0,
      filesRead: 1,
      ahead: [],
      passed: [],
      bytes: SHORTEST_BYTES,
      wanted: 1,
      isOver: false,
      large: 'none',
    };
    this.#streams = [stream, ...this.#streams.slice(0, MOST_STREAMS - 1)];
    return stream;
  }
}

/** The number of a file half way, a small one if there is one near. */
function markOf(upcoming: Upcoming): number {
  const count = fileCount(upcoming);
  const middle = Math.floor(count / 2);
  for (let at = middle; at < Math.min(count, middle + 8); at += 1) {
    if (fileAt(upcoming, at).sizeBytes <= SMALL_BYTES) return fileNumber(upcoming, at);
  }
  return fileNumber(upcoming, middle);
}
