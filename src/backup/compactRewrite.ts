/**
 * Writes the data file of a compaction: chunk by chunk what the old one has and the horizon still needs. The state at the
 * horizon takes the place of all lines before it; each chunk's messages come first, since the lines behind them name them.
 */
import { setImmediate } from 'node:timers/promises';
import type { IndexFile } from '../index/indexFile.ts';
import { HORIZON_LINE } from '../index/horizon.ts';
import { lastMoment } from '../index/queries.ts';
import { pointsOfChunk } from '../index/pointQueries.ts';
import { keptMessages, resendStates } from '../index/retained.ts';
import { RESEND_LINE } from '../index/resend.ts';
import { KeyValues } from '../protocol/dlist.ts';
import { ChunkBytes } from './chunkBytes.ts';
import { linesBehind } from './compactLines.ts';
import { MessageCopy } from './compactMessages.ts';
import type { CompactionPlan, PlannedChunk } from './compactPlan.ts';
import { stateLines } from './compactState.ts';
import type { StateLine } from './compactState.ts';
import { isCombined, isSplit } from './compactWriter.ts';
import type { ChunkSizes, CompactWriter } from './compactWriter.ts';
import type { Notice } from './options.ts';

/** A line of messages is not longer, so that a reader of the originals' kind holds no more. */
const LINE_BYTES = 64 << 20;

export interface Rewrite {
  readonly index: IndexFile;
  /** The old data file. */
  readonly fd: number;
  /** Unix seconds; negative: everything is kept. */
  readonly horizon: number;
  /** See Compaction; also of horizons. */
  readonly latestTime: number;
  readonly sizes: ChunkSizes;
  readonly notice: Notice;
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

export async function rewrite(work: Rewrite, plan: CompactionPlan, out: CompactWriter): Promise<void> {
  const { horizon, onProgress } = work;
  const [first] = plan.chunks;
  if (horizon > 0) {
    // Also where nothing else is left: a backup without history must say that it had one.
    const time = first?.chunk.ts_start ?? lastMoment(work.index) ?? horizon;
    const value = new KeyValues([['HORIZON', String(horizon)]]);
    await out.line({ time, name: HORIZON_LINE, value });
    if (first === undefined) await out.endChunk();
  }
  if (first === undefined) return;
  const state = new PendingState(stateLines(work.index, horizon), out);
  try {
    for (const [at, planned] of plan.chunks.entries()) {
      const next = plan.chunks[at + 1];
      await rewriteChunk(work, planned, next === undefined, out, state);
      await endOrCombine(work, planned, next, out);
      onProgress?.(planned.chunk.file_end, plan.fileEnd);
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
  const { index, fd, horizon, latestTime, sizes, notice } = work;
  const { chunk, isRecent, clock } = planned;
  const split = async (): Promise<void> => {
    await setImmediate();
    if (!isSplit(chunk.length, out.length, sizes)) return;
    await out.endChunk();
    notice(`splitting chunk ${chunk.id}`);
  };
  if (planned.kept.count > 0) await copyMessages(work, planned, out, split);
  if (isLast || isRecent) await state.writeAll();
  else await state.writeUpTo(Math.max(clock, chunk.ts_end), chunk.id);
  await split();
  if (isRecent) {
    for (const line of linesBehind(index, fd, chunk, { horizon, latestTime, clock })) {
      await out.line(line);
      await split();
    }
  }
  if (isLast) await writeResendStates(index, out);
}

/** What the fold of the lines that are kept cannot come to: it depends on lines before the horizon. */
async function writeResendStates(index: IndexFile, out: CompactWriter): Promise<void> {
  for (const { uniqueid, resend } of resendStates(index)) {
    const value = new KeyValues([
      ['UNIQUEID', uniqueid],
      ['RESEND', String(resend)],
    ]);
    await out.line({ time: 0, name: RESEND_LINE, value });
  }
}

async function copyMessages(
  { index, fd, sizes, onProgress }: Rewrite,
  { chunk }: PlannedChunk,
  out: CompactWriter,
  onLine: () => Promise<void>,
): Promise<void> {
  const source = new ChunkBytes(index, fd, chunk.id);
  const lineBytes = sizes.max === 0 ? LINE_BYTES : Math.min(LINE_BYTES, sizes.max);
  const options = { time: chunk.ts_start, lineBytes, onLine };
  const copy = new MessageCopy(out, source, pointsOfChunk(index, chunk.id), options);
  try {
    for (const message of keptMessages(index, chunk.id)) {
      await copy.add(message);
      onProgress?.(
        chunk.offset +
          Math.floor(((chunk.file_end - chunk.offset) * message.offset) / Math.max(1, chunk.length)),
        chunk.file_end,
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

/** The state's lines, written as their time comes, but not before the messages that they name. */
class PendingState {
  readonly #lines: Iterator<StateLine>;
  readonly #out: CompactWriter;
  #next: IteratorResult<StateLine>;
  /** Their time has come, their messages have not: those were sent again, later. */
  #delayed: StateLine[] = [];

  constructor(lines: Iterator<StateLine>, out: CompactWriter) {
    this.#lines = lines;
    this.#out = out;
    this.#next = lines.next();
  }

  /** `chunkId`: the chunk of the old file whose messages have been written last. */
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
