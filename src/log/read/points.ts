/**
 * Finds the flush points of a member that no index describes.
 *
 * A full flush leaves 00 00 FF FF at a byte boundary. A sync flush does so too, but keeps the
 * window. The same four bytes also occur by chance and in stored blocks. Every place after these
 * bytes is therefore only a candidate, which is tried with a second inflater that starts there with
 * an empty window.
 *
 * Up to the next candidate, the second inflater must produce the same bytes from the same input,
 * step by step. If it fails, the candidate is dropped and the next one is tried. This costs a
 * second inflation. The memory is one buffer, however far apart the candidates are.
 *
 * An accepted point also stays valid for data after the next candidate. Later data refers back by
 * at most deflate's window, and candidates are at least that far apart.
 */
import { LEAST_BLOCK_BYTES, type FlushPoint } from '../format.ts';
import { Inflater } from './inflater.ts';

/**
 * The input and output of one step of the member's own inflater. The output starts at the buffer's
 * beginning.
 */
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
  /** The accepted flush points, in order. The first one is the member's first compressed byte. */
  readonly points: FlushPoint[];
  readonly #inflater = new Inflater();
  #output = Buffer.alloc(0);
  #onTrial: FlushPoint | null = null;

  constructor(first: FlushPoint) {
    this.points = [first];
  }

  /**
   * Starts a trial at the place where a marker ends. All output before that place must have been
   * delivered.
   */
  candidate(point: FlushPoint): void {
    const last = this.#onTrial ?? this.points.at(-1);
    if (last !== undefined && point.offset - last.offset < LEAST_BLOCK_BYTES) return;
    if (this.#onTrial !== null) this.points.push(this.#onTrial);
    this.#onTrial = point;
    this.#inflater.reset();
  }

  /**
   * Repeats a step of the member's inflater with the second inflater, which is trying the
   * candidate.
   */
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

  /**
   * Ends the last trial, after all data that inflates has been seen. A point at the very end is not
   * accepted.
   */
  finish(length: number): void {
    if (this.#onTrial !== null && this.#onTrial.offset < length) this.points.push(this.#onTrial);
    this.#onTrial = null;
  }

  close(): void {
    this.#inflater.close();
  }
}
