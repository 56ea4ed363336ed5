/**
 * Plans a compaction from the index alone: which chunks hold data to keep, and whether the
 * compaction is worthwhile.
 */
import { BackupError } from '../../errors.ts';
import { chunks } from '../../index/queries/chunks.ts';
import { longestBlock } from '../../index/queries/points.ts';
import { sqlHorizon } from '../../index/queries/retained.ts';
import type { MessageSums, RetainedSet } from '../../index/queries/retained.ts';
import { timestampsAtOrBefore } from '../../index/queries/timestamps.ts';
import { horizon as horizonOf } from '../../index/queries/horizon.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { Chunk } from '../../index/types.ts';
import { isCombined, isSplit } from './writer.ts';
import type { ChunkSizes } from './writer.ts';

/** A chunk clearly needs compaction if dropped messages are more than this share of its bytes. */
const DEAD_SHARE = 0.2;
/**
 * A chunk also needs compaction if more than this many bytes must be inflated to reach a message.
 * The original tools write no flush points inside a line.
 */
const LONGEST_BLOCK_BYTES = 1 << 20;

export interface PlannedChunk {
  readonly chunk: Chunk;
  readonly kept: MessageSums;
  /** The chunk has lines after the horizon. */
  readonly isRecent: boolean;
  /** The latest time of any line before this chunk. */
  readonly clock: number;
}

export interface CompactionPlan {
  /** The chunks that hold data to keep. */
  readonly chunks: readonly PlannedChunk[];
  /** File offset at which the planned chunks end. Data after it was appended later. */
  readonly fileEnd: number;
  /** How many chunks clearly need compaction. */
  readonly work: number;
  readonly all: MessageSums;
  readonly kept: MessageSums;
}

/** A compaction that would drop more than this share of the messages' bytes needs permission. */
const MOST_DROPPED_SHARE = 0.9;

/**
 * Returns the time from which a compaction keeps all history, or undefined if it keeps everything.
 *
 * The result is the time of the last change at or before the requested time. Nothing changed
 * between the two times, so this choice keeps no additional data. A reader that has pinned that
 * change still finds its state. The result is never earlier than the horizon of a previous
 * compaction.
 */
export function effectiveHorizon(index: IndexFile, asked: number | undefined): number | undefined {
  if (asked === undefined) return undefined;
  const [change = 0] = timestampsAtOrBefore(index, [asked]);
  return Math.max(change, horizonOf(index)) || undefined;
}

/** Throws 'refused' if the compaction would keep no messages, or nearly none. */
export function requireModestDrop({ all, kept }: CompactionPlan, path: string): void {
  const [count, bytes] = [all.count - kept.count, all.bytes - kept.bytes];
  const isMost = count === all.count || bytes > MOST_DROPPED_SHARE * all.bytes;
  if (count === 0 || !isMost) return;
  const percent = Math.floor((100 * bytes) / Math.max(1, all.bytes));
  throw new BackupError(
    'refused',
    `it would drop ${count} of ${all.count} messages, ${percent}% of their ${all.bytes} bytes: ` +
      'nothing was changed; --force-drop lets it',
    { subject: path },
  );
}

/** Makes the plan. Throws 'damaged' if a chunk is known to be damaged. */
export function planCompaction(retained: RetainedSet, sizes: ChunkSizes): CompactionPlan {
  const { index, horizon } = retained;
  const sums = retained.messageSums();
  const times = new Times(retained.stateTimes());
  const nothing: MessageSums = { count: 0, bytes: 0 };
  const needed: PlannedChunk[] = [];
  let work = 0;
  let fileEnd = 0;
  let clock = 0;
  let count = 0;
  for (const chunk of endedChunks(index)) {
    const { all, kept } = sums.get(chunk.id) ?? { all: nothing, kept: nothing };
    const latest = Math.max(clock, chunk.tsEnd);
    const isRecent = latest > sqlHorizon(horizon);
    const isNeeded = kept.count > 0 || isRecent || times.hasBetween(Math.max(clock, chunk.tsStart), latest);
    if (isNeeded) needed.push({ chunk, kept, isRecent, clock });
    const isMostlyDead = all.bytes - kept.bytes > DEAD_SHARE * chunk.length;
    const isCoarse = kept.count > 0 && longestBlock(index, chunk.id, chunk.length) > LONGEST_BLOCK_BYTES;
    if (!isNeeded || isMostlyDead || isCoarse) work += 1;
    clock = latest;
    fileEnd = chunk.fileEnd;
    count += 1;
  }
  // If a previous compaction emptied the backup, one chunk is left that holds only the horizon.
  // Such a backup needs no compaction.
  const isEmptied = needed.length === 0 && count === 1 && horizonOf(index) === horizon;
  return {
    chunks: needed,
    fileEnd,
    work: isEmptied ? 0 : work + boundaryWork(needed, sizes),
    all: total([...sums.values()].map(({ all }) => all)),
    kept: total([...sums.values()].map(({ kept }) => kept)),
  };
}

function total(sums: readonly MessageSums[]): MessageSums {
  return {
    count: sums.reduce((sum, { count }) => sum + count, 0),
    bytes: sums.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Yields the chunks that were ended. The last chunk may still be open and is then left out. */
function* endedChunks(index: IndexFile): Generator<Chunk> {
  for (const chunk of chunks(index)) {
    const state = chunk.state;
    if (state === 'open') return;
    if (state === 'damaged') {
      throw new BackupError('damaged', `chunk ${chunk.id} is damaged: see ctl_backups verify --repair`);
    }
    yield chunk;
  }
}

/**
 * Counts the chunks to be combined or split (cyrus-imapd backup/lcb_compact.c, compact_required).
 */
function boundaryWork(planned: readonly PlannedChunk[], sizes: ChunkSizes): number {
  const areContradictory = sizes.min > 0 && sizes.max > 0 && sizes.min >= sizes.max;
  if ((sizes.min === 0 && sizes.max === 0) || areContradictory) return 0;
  let work = 0;
  for (const [at, { chunk }] of planned.entries()) {
    if (isCombined(chunk.length, planned[at + 1]?.chunk.length, sizes)) work += 1;
    if (isSplit(chunk.length, null, sizes)) work += 1;
  }
  return work;
}

/** A sorted list of times, for queries that also ask in ascending order. */
class Times {
  readonly #times: readonly number[];
  #next = 0;

  constructor(times: readonly number[]) {
    this.#times = times;
  }

  hasBetween(from: number, to: number): boolean {
    while ((this.#times[this.#next] ?? Infinity) < from) this.#next += 1;
    return (this.#times[this.#next] ?? Infinity) <= to;
  }
}
