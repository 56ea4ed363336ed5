/**
 * Finds the flush points of a member that no index knows.
 *
 * A full flush leaves 00 00 FF FF at a byte boundary, but so does a sync flush, which keeps the window, and the
 * same four bytes occur by chance and in stored blocks. A candidate is therefore tried: a second inflater
 * starts there with an empty window and must give the same bytes from the same input, step by step, up to the
 * next candidate. One that fails earlier is forgotten, and the next one is tried. The cost is a second
 * inflation; memory is one buffer, however far apart the candidates are.
 *
 * An accepted point is also good past the candidate that ended its trial: whatever follows refers back by
 * deflate's window at most, and candidates are no nearer to each other than that.
 */
import { LEAST_BLOCK_BYTES, type FlushPoint } from '../format.ts';
import { Inflater } from './inflater.ts';

/** What the member's own inflater was just given, took and gave; output from the buffer's start. */
export interface InflateStep {
  input: Buffer;
  inputOffset: number;
  inputLength: number;
  consumed: number;
  output: Buffer;
  outputLength: number;
  produced: number;
}

export class PointFinder {
  /** The accepted ones, in order; the first is the member's first compressed byte. */
  readonly points: FlushPoint[];
  readonly #inflater = new Inflater();
  #output = Buffer.alloc(0);
  #onTrial: FlushPoint | null = null;

  constructor(first: FlushPoint) {
    this.points = [first];
  }

  /** A marker ends at the point: all output up to it is out. */
  candidate(point: FlushPoint): void {
    const last = this.#onTrial ?? this.points.at(-1);
    if (last !== undefined && point.offset - last.offset < LEAST_BLOCK_BYTES) return;
    if (this.#onTrial !== null) this.points.push(this.#onTrial);
    this.#onTrial = point;
    this.#inflater.reset();
  }

  /** Repeats a step of the member's inflater from the candidate on trial. */
  follow(step: InflateStep): void {
    if (this.#onTrial === null) return;
    if (this.#output.length < step.outputLength) this.#output = Buffer.allocUnsafe(step.outputLength);
    const { input, inputOffset, inputLength, outputLength } = step;
    this.#inflater.step(input, inputOffset, inputLength, this.#output, 0, outputLength);
    const same =
      this.#inflater.consumed === step.consumed &&
      this.#inflater.produced === step.produced &&
      this.#output.compare(step.output, 0, step.produced, 0, step.produced) === 0;
    if (!same) this.#onTrial = null;
  }

  /** All that inflates has been followed: the last trial is over. Nothing begins at the very end. */
  finish(length: number): void {
    if (this.#onTrial !== null && this.#onTrial.offset < length) this.points.push(this.#onTrial);
    this.#onTrial = null;
  }

  close(): void {
    this.#inflater.close();
  }
}
