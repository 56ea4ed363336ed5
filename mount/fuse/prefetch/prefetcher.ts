/**
 * Detects programs that read the files of a folder one after another. Prefetch threads (worker.ts)
 * then put the next files into the kernel's cache, so that the program never has to request them
 * from the mount.
 *
 * Files are prefetched in stretches of consecutive files. The kernel does not report reads from its
 * cache, so one file in the middle of each stretch is not prefetched. It serves as a mark: when the
 * program requests it, another stretch is prefetched. The kernel uses the same method for the pages
 * of a file.
 *
 * The first stretch is short. If the program continues to read, two or more stretches are
 * prefetched at a time, one per thread.
 */
import type { SharedBlocksReader } from '../../content/sharedBlocks.ts';
import { fileAt, fileCount, fileNumber } from '../../content/prefetchList.ts';
import type { PrefetchPlan } from '../../content/prefetchList.ts';
import type { FolderReference, Node } from '../../vfs/tree.ts';

const SHORTEST_BYTES = 256 * 1024;
const LONGEST_BYTES = 2 * 1024 * 1024;
/** Prefetching starts after this many consecutive files have been read. */
const ENOUGH_FILES = 3;
/**
 * The numbers of two consecutive files may differ by this much, because deleted files leave gaps
 * and some files are not prefetched.
 */
const NEAR_NUMBERS = 32;
/**
 * Only this many streams are tracked at a time. A stream is one program's reads of consecutive
 * files.
 */
const MOST_STREAMS = 16;
/** How many blocks are remembered after they have been handed to prefetch threads. */
const KNOWN_BLOCKS = 512;
/**
 * How many stretches are prefetched at a time once the first one has been read: at least this many,
 * and at least one per thread.
 */
const LEAST_STRETCHES = 2;
/**
 * Files above the first limit are not prefetched at first, because a program that reads only
 * headers does not need them. Files up to the second limit are prefetched once the program has read
 * one of them to its end. For longer files, the kernel's own read-ahead is enough.
 */
const LARGE_BYTES = 128 * 1024;
const LARGEST_BYTES = 1024 * 1024;
/** The mark should be no larger than this, because it is read only on request. */
const SMALL_BYTES = 32 * 1024;

/** The highest block number, because block numbers are stored in an Int32Array. */
const MAX_NUMBER = 2 ** 31 - 1;

/** Work for a prefetch thread. Its blocks are numbered consecutively from `firstBlock`. */
export interface PrefetchBatch {
  readonly referenceNumber: number;
  readonly firstBlock: number;
  /** The number of the file that is the mark and is not prefetched. */
  readonly leftOut: number;
  /** The ID of this work; see SharedBlocksWriter.passed. */
  readonly work: number;
  readonly upcoming: PrefetchPlan;
}

/** The answering thread's access to one prefetch thread. */
export interface Prefetcher {
  readonly blocks: SharedBlocksReader;
  post(stretch: PrefetchBatch): void;
}

/** A stretch of files that was handed to a prefetch thread. */
interface Given {
  readonly mark: number;
  readonly lane: Prefetcher;
  readonly work: number;
}

interface Stream {
  readonly referenceNumber: number;
  last: number;
  /** The number of the last file handed to prefetch threads. */
  reach: number;
  filesRead: number;
  /** The stretches whose mark has not been read yet, in order. */
  ahead: Given[];
  /** The stretches whose mark was read last. Threads may still be working on them. */
  passed: Given[];
  /** The size of the next stretch in bytes. */
  bytes: number;
  /** How many stretches should be prefetched at a time. */
  wanted: number;
  isOver: boolean;
  /** Whether the program has read none, the start or all of the last large file. */
  large: 'none' | 'begun' | 'all';
}

export class PrefetchPlanner {
  readonly #lanes: readonly Prefetcher[];
  readonly #batchesAhead: number;
  readonly #known = new Map<string, { readonly lane: Prefetcher; readonly number: number }>();
  #streams: Stream[] = [];
  #wanted: { readonly stream: Stream; readonly folder: FolderReference } | undefined;
  #nextBlock = 1;

  /**
   * A lane is one prefetch thread. If several are equally idle, the first of them gets the work.
   */
  constructor(lanes: readonly Prefetcher[]) {
    this.#lanes = lanes;
    this.#batchesAhead = Math.max(LEAST_STRETCHES, lanes.length);
  }

  /**
   * Copies from a block that another thread has inflated or is inflating; see
   * SharedBlocksReader.copy.
   */
  readonly copyBlock = (key: string, offset: number, target: Buffer): number => {
    const known = this.#known.get(key);
    return known?.lane.blocks.copy(known.number, offset, target) ?? 0;
  };

  /** Notes a read from the start of a file. `isAll`: the read reached the file's end. */
  note(referenceNumber: number, { place, number }: Node, isAll: boolean): void {
    if (place.kind !== 'folder' || place.upcoming === undefined) return;
    const stream = this.#streamOf(referenceNumber, number);
    if (number === stream.last) return;
    stream.last = number;
    stream.filesRead += 1;
    if (stream.large === 'begun') stream.large = 'none';
    if (!isAll) stream.large = 'begun';
    this.#tellPassed(stream);
    const isEnough = stream.filesRead >= ENOUGH_FILES && !stream.isOver;
    if (isEnough && stream.ahead.length < stream.wanted) this.#wanted = { stream, folder: place };
  }

  /** Notes a read to the end of a file whose start was noted before. */
  noteEnd(referenceNumber: number, { number }: Node): void {
    const stream = this.#streams.find(
      (each) => each.referenceNumber === referenceNumber && each.last === number,
    );
    if (stream?.large === 'begun') stream.large = 'all';
  }

  /**
   * Hands out more work if a stream needs it. Call when the answer has been sent. Errors from the
   * tree are ignored, because no request depends on this work.
   */
  afterReply(): void {
    if (this.#wanted === undefined) return;
    const { stream, folder } = this.#wanted;
    this.#wanted = undefined;
    try {
      while (stream.ahead.length < stream.wanted && !stream.isOver) this.#goOn(stream, folder);
      stream.wanted = this.#batchesAhead;
    } catch {
      stream.isOver = true;
    }
  }

  #goOn(stream: Stream, folder: FolderReference): void {
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
    lane.post({ referenceNumber: stream.referenceNumber, firstBlock, leftOut: mark, work, upcoming });
  }

  /**
   * Tells the prefetch threads how far the program has read. Files that it has already read need
   * not be stored in the kernel's cache.
   */
  #tellPassed(stream: Stream): void {
    const { last, ahead } = stream;
    const isPassed = ({ mark }: Given): boolean => last >= mark;
    stream.passed = [...stream.passed, ...ahead.filter(isPassed)].slice(-this.#batchesAhead);
    stream.ahead = ahead.filter((given) => !isPassed(given));
    for (const { lane, work } of [...stream.passed, ...stream.ahead]) lane.blocks.tellPassed(work, last);
  }

  #idlestLane(): Prefetcher | undefined {
    const load = (lane: Prefetcher | undefined): number => lane?.blocks.pending ?? Infinity;
    return this.#lanes.reduce<Prefetcher | undefined>(
      (idlest, lane) => (load(lane) < load(idlest) ? lane : idlest),
      undefined,
    );
  }

  #numberBlocks(keys: readonly string[], lane: Prefetcher): number {
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

  #streamOf(referenceNumber: number, number: number): Stream {
    const isOf = ({ referenceNumber: own, last, reach }: Stream): boolean =>
      own === referenceNumber && number >= last && number <= Math.max(last, reach) + NEAR_NUMBERS;
    const known = this.#streams.find(isOf);
    if (known !== undefined) return known;
    const stream: Stream = {
      referenceNumber,
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

/**
 * Returns the number of the file to use as the mark: the first small one at or shortly after the
 * middle of the stretch, otherwise the middle one.
 */
function markOf(upcoming: PrefetchPlan): number {
  const count = fileCount(upcoming);
  const middle = Math.floor(count / 2);
  for (let at = middle; at < Math.min(count, middle + 8); at += 1) {
    if (fileAt(upcoming, at).sizeBytes <= SMALL_BYTES) return fileNumber(upcoming, at);
  }
  return fileNumber(upcoming, middle);
}
