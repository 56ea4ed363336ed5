/**
 * Writes the new data file of a compaction, chunk by chunk. It holds the data of the old file that
 * is still needed for the time after the horizon. The state at the horizon replaces all lines
 * before the horizon. Each chunk's messages are written first, because the lines after them refer
 * to them.
 */
import { setImmediate } from 'node:timers/promises';
import { HORIZON_LINE } from '../../index/queries/horizon.ts';
import { pointsOfChunk } from '../../index/queries/points.ts';
import type { RetainedSet } from '../../index/queries/retained.ts';
import { lastTimestamp } from '../../index/queries/timestamps.ts';
import { RESEND_LINE } from '../../index/fold/resend.ts';
import { KeyValues } from '../../protocol/dlist.ts';
import { ChunkBytes } from '../read/chunkBytes.ts';
import { linesBehind } from './lines.ts';
import { MessageCopy } from './messages.ts';
import type { CompactionPlan, PlannedChunk } from './plan.ts';
import { stateLines } from './state.ts';
import type { StateLine } from './state.ts';
import { isCombined, isSplit } from './writer.ts';
import type { ChunkSizes, CompactWriter } from './writer.ts';
import type { Notice } from '../options.ts';

/** The longest MESSAGE line. Some readers, like the original tools, hold a whole line in memory. */
const LINE_BYTES = 64 << 20;

export interface Rewrite {
  readonly retained: RetainedSet;
  /** The old data file. */
  readonly fd: number;
  /** See Compaction.latestTime. It also limits the horizons in the log. */
  readonly latestTime: number;
  readonly sizes: ChunkSizes;
  readonly notice: Notice;
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

export async function rewrite(work: Rewrite, plan: CompactionPlan, out: CompactWriter): Promise<void> {
  const { retained, onProgress } = work;
  const { horizon } = retained;
  const [first] = plan.chunks;
  if (horizon !== undefined) {
    // The horizon is written even if nothing else is left. It records that a backup without history
    // once had some.
    const time = first?.chunk.tsStart ?? lastTimestamp(retained.index) ?? horizon;
    const value = new KeyValues([['HORIZON', String(horizon)]]);
    await out.line({ time, name: HORIZON_LINE, value });
    if (first === undefined) await out.endChunk();
  }
  if (first === undefined) return;
  const state = new PendingState(stateLines(retained), out);
  try {
    for (const [at, planned] of plan.chunks.entries()) {
      const next = plan.chunks[at + 1];
      await rewriteChunk(work, planned, next === undefined, out, state);
      await endOrCombine(work, planned, next, out);
      onProgress?.(planned.chunk.fileEnd, plan.fileEnd);
    }
  } finally {
    state.close();
  }
}

async function rewriteChunk(
  work: Rewrite,
  planned: PlannedChunk,
  isLast: boolean,
  out: CompactWriter,
  state: PendingState,
): Promise<void> {
  const { retained, fd, latestTime, sizes, notice } = work;
  const { chunk, isRecent, clock } = planned;
  const split = async (): Promise<void> => {
    await setImmediate();
    if (!isSplit(chunk.length, out.length, sizes)) return;
    await out.endChunk();
    notice(`splitting chunk ${chunk.id}`);
  };
  if (planned.kept.count > 0) await copyMessages(work, planned, out, split);
  if (isLast || isRecent) await state.writeAll();
  else await state.writeUpTo(Math.max(clock, chunk.tsEnd), chunk.id);
  await split();
  if (isRecent) {
    for (const line of linesBehind(retained, fd, chunk, { latestTime, clock })) {
      await out.line(line);
      await split();
    }
  }
  if (isLast) await writeResendStates(retained, out);
}

/**
 * Writes the resend states. They depend on lines before the horizon, so folding the kept lines does
 * not restore them.
 */
async function writeResendStates(retained: RetainedSet, out: CompactWriter): Promise<void> {
  for (const { uniqueid, resend } of retained.resendStates()) {
    const value = new KeyValues([
      ['UNIQUEID', uniqueid],
      ['RESEND', String(resend)],
    ]);
    await out.line({ time: 0, name: RESEND_LINE, value });
  }
}

async function copyMessages(
  { retained, fd, sizes, onProgress }: Rewrite,
  { chunk }: PlannedChunk,
  out: CompactWriter,
  onLine: () => Promise<void>,
): Promise<void> {
  const { index } = retained;
  const source = new ChunkBytes(index, fd, chunk.id);
  const lineBytes = sizes.max === 0 ? LINE_BYTES : Math.min(LINE_BYTES, sizes.max);
  const options = { time: chunk.tsStart, lineBytes, onLine };
  const copy = new MessageCopy(out, source, pointsOfChunk(index, chunk.id), options);
  try {
    for (const message of retained.messagesOf(chunk.id)) {
      await copy.add(message);
      onProgress?.(
        chunk.offset +
          Math.floor(((chunk.fileEnd - chunk.offset) * message.offset) / Math.max(1, chunk.length)),
        chunk.fileEnd,
      );
    }
    await copy.endLine();
  } finally {
    source.close();
  }
}

async function endOrCombine(
  { sizes, notice }: Rewrite,
  { chunk }: PlannedChunk,
  next: PlannedChunk | undefined,
  out: CompactWriter,
): Promise<void> {
  if (out.length === 0) return;
  if (next !== undefined && isCombined(out.length, next.chunk.length, sizes)) {
    notice(`combining chunks ${chunk.id} and ${next.chunk.id}`);
  } else await out.endChunk();
}

/**
 * The lines of the state at the horizon. Each line is written when its time is reached, but not
 * before the messages that it names.
 */
class PendingState {
  readonly #lines: Iterator<StateLine>;
  readonly #out: CompactWriter;
  #next: IteratorResult<StateLine>;
  /**
   * Lines whose time is reached, but whose messages were sent again later and are not written yet.
   */
  #delayed: StateLine[] = [];

  constructor(lines: Iterator<StateLine>, out: CompactWriter) {
    this.#lines = lines;
    this.#out = out;
    this.#next = lines.next();
  }

  /**
   * Writes all lines up to a time. `chunkId`: the chunk of the old file whose messages were written
   * last.
   */
  async writeUpTo(time: number, chunkId: number): Promise<void> {
    const isDue = ({ chunkId: needed }: StateLine): boolean => needed === null || needed <= chunkId;
    const due = this.#delayed.filter(isDue);
    this.#delayed = this.#delayed.filter((line) => !isDue(line));
    for (const { line } of due) await this.#out.line(line);
    while (this.#next.done !== true && this.#next.value.line.time <= time) {
      if (isDue(this.#next.value)) await this.#out.line(this.#next.value.line);
      else this.#delayed.push(this.#next.value);
      this.#next = this.#lines.next();
    }
  }

  async writeAll(): Promise<void> {
    await this.writeUpTo(Infinity, Infinity);
  }

  close(): void {
    this.#lines.return?.();
  }
}
