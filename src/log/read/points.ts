/**
 * Finds the flush points of a member that no index describes.
 *
 * A full flush leaves 00 00 FF FF at a byte boundary. A sync flush does so too, but keeps the
 * window. The same four bytes also occur by chance and in stored blocks. Each candidate is
 * therefore tried: a second inflater starts there with an empty window. It must produce the same
 * bytes from the same input, step by step, up to the next candidate. If it fails earlier, the
 * candidate is dropped and the next one is tried. This costs a second inflation; memory is one
 * buffer, however far apart the candidates are.
 *
 * An accepted point also holds beyond the candidate that ended its trial. Later data refers back at
 * most by deflate's window, and candidates are no nearer to each other than that.
 */
import { LEAST_BLOCK_BYTES, type FlushPoint } from '../format.ts';
import { Inflater } from './inflater.ts';

/**
 * What the member's own inflater was given, consumed and produced in one step. The output starts at
 * the buffer's beginning.
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
  /** The accepted points, in order. The first is the member's first compressed byte. */
  readonly points: FlushPoint[];
  readonly #inflater = new Inflater();
  #output = Buffer.alloc(0);
  #onTrial: FlushPoint | null = null;

  constructor(first: FlushPoint) {
    this.points = [first];
  }

  /** Tries a point at which a marker ends. All output before it must have been delivered. */
  candidate(point: FlushPoint): void {
    const last = this.#onTrial ?? this.points.at(-1);
    if (last !== undefined && point.offset - last.offset < LEAST_BLOCK_BYTES) return;
    if (this.#onTrial !== null) this.points.push(this.#onTrial);
    this.#onTrial = point;
    this.#inflater.reset();
  }

  /** Repeats a step of the member's inflater with the inflater of the candidate on trial. */
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
   * Ends the last trial: all data that inflates has been followed. A point at the very end is not
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
