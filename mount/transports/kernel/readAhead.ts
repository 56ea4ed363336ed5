/**
 * Notices who reads one file of a folder after another, and has another thread (aheadWorker.ts) put the next ones into the
 * kernel's cache: then the reader never asks for them. Of several such threads, each reader has one.
 *
 * Of what is in its cache the kernel tells nothing. So of each stretch one file, half way, is left out: when that is asked for, it is time
 * for the next stretch, which is longer each time. The kernel does the same with the pages of a file.
 */
import type { SharedBlocksReader } from '../../content/sharedBlocks.ts';
import type { FolderPlace, Node, Upcoming } from '../../tree.ts';

const SHORTEST_BYTES = 256 * 1024;
const LONGEST_BYTES = 2 * 1024 * 1024;
/** Read one after another, before anybody reads ahead. */
const ENOUGH_FILES = 3;
/** Of those gone, and of those left out, there may be some between one and the next. */
const NEAR_NUMBERS = 32;
/** Who reads in more places than this at a time is not helped. */
const MOST_STREAMS = 16;
/** Blocks of which it is still known that the other thread was given them. */
const KNOWN_BLOCKS = 256;

/** Blocks are numbered in an Int32Array. */
const MAX_NUMBER = 2 ** 31 - 1;

/** What the other thread is told: its blocks' numbers go up by one from `firstBlock`. */
export interface Stretch {
  readonly placeNumber: number;
  readonly firstBlock: number;
  readonly upcoming: Upcoming;
}

/** One of the threads that read ahead. */
export interface Lane {
  readonly blocks: SharedBlocksReader;
  post(stretch: Stretch): void;
}

interface Stream {
  readonly placeNumber: number;
  last: number;
  /** The last file that the other thread was told of. */
  reach: number;
  /** From which file on the next stretch is wanted. */
  mark: number;
  filesRead: number;
  /** Of the next stretch. */
  bytes: number;
  /** Blocks that it has need of twice are in one place. */
  lane: Lane | undefined;
}

export class ReadAhead {
  readonly #lanes: readonly Lane[];
  readonly #known = new Map<string, { readonly lane: Lane; readonly number: number }>();
  #streams: Stream[] = [];
  #wanted: { readonly stream: Stream; readonly folder: FolderPlace } | undefined;
  #nextBlock = 1;

  /** The first lanes are used first. */
  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
  }

  /** The block, where another thread has inflated it, or is about to have. */
  block(key: string, room?: Buffer): Buffer | undefined {
    const known = this.#known.get(key);
    return known?.lane.blocks.get(known.number, room);
  }

  /** The beginning of a file was read. */
  note(placeNumber: number, { place, number }: Node): void {
    if (place.kind !== 'folder' || place.upcoming === undefined) return;
    const stream = this.#streamOf(placeNumber, number);
    if (number === stream.last) return;
    stream.last = number;
    stream.filesRead += 1;
    if (stream.filesRead >= ENOUGH_FILES && number >= stream.mark) this.#wanted = { stream, folder: place };
  }

  /** What is to be done when the kernel has its answer. What the tree throws is of no account: nobody has asked. */
  afterReply(): void {
    if (this.#wanted === undefined) return;
    const { stream, folder } = this.#wanted;
    this.#wanted = undefined;
    try {
      this.#goOn(stream, folder);
    } catch {
      stream.mark = Infinity;
    }
  }

  #goOn(stream: Stream, folder: FolderPlace): void {
    const upcoming = folder.upcoming?.(Math.max(stream.last, stream.reach), stream.bytes);
    const files = upcoming?.files ?? [];
    const markAt = Math.floor(files.length / 2);
    stream.mark = files[markAt]?.number ?? Infinity;
    stream.reach = files.at(-1)?.number ?? stream.reach;
    stream.bytes = Math.min(LONGEST_BYTES, stream.bytes * 2);
    if (upcoming === undefined || files.length === 0) return;
    stream.lane ??= this.#idlestLane();
    const firstBlock = this.#numberBlocks(upcoming, stream.lane);
    stream.lane?.blocks.noteGiven();
    stream.lane?.post({
      placeNumber: stream.placeNumber,
      firstBlock,
      upcoming: { ...upcoming, files: files.toSpliced(markAt, 1) },
    });
  }

  #idlestLane(): Lane | undefined {
    const load = (lane: Lane | undefined): number => lane?.blocks.pending ?? Infinity;
    return this.#lanes.reduce<Lane | undefined>(
      (idlest, lane) => (load(lane) < load(idlest) ? lane : idlest),
      undefined,
    );
  }

  #numberBlocks({ blocks }: Upcoming, lane: Lane | undefined): number {
    if (this.#nextBlock + blocks.length > MAX_NUMBER) this.#startOver();
    for (const { key } of blocks) {
      this.#known.delete(key);
      if (lane !== undefined) this.#known.set(key, { lane, number: this.#nextBlock });
      this.#nextBlock += 1;
    }
    for (const key of this.#known.keys()) {
      if (this.#known.size <= KNOWN_BLOCKS) break;
      this.#known.delete(key);
    }
    return this.#nextBlock - blocks.length;
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
    const stream = {
      placeNumber,
      last: number,
      reach: 0,
      mark: 0,
      filesRead: 1,
      bytes: SHORTEST_BYTES,
      lane: undefined,
    };
    this.#streams = [stream, ...this.#streams.slice(0, MOST_STREAMS - 1)];
    return stream;
  }
}
