/**
 * A synchronous raw inflate that keeps its state between calls and reports how much it consumed and
 * produced.
 *
 * It drives zlib's native handle for three reasons:
 *
 * - The parser of chunks is synchronous.
 * - Members written by Cyrus' own compaction have no flush points from which inflating could
 *   restart.
 * - Node's public synchronous calls are one-shot: `_processChunk` closes the stream when it
 *   returns.
 *
 * Node's own synchronous calls are built on `_handle.writeSync` and `_writeState`, which have not
 * changed since Node 11. The npm packages minizlib and fast-zlib rely on them too. Nothing else in
 * this project touches them. Output goes to the caller's buffer, so a call allocates nothing.
 */
import zlib from 'node:zlib';
import { BackupError } from '../../errors.ts';

interface NativeInflate {
  reset(): void;
  writeSync(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputOffset: number,
    outputLength: number,
  ): void;
}

/**
 * The result of a step:
 *
 * - more: the inflater has consumed all input and delivered all of its output.
 * - full: the output buffer is full, and more output may follow.
 * - ended: the deflate stream's last block has ended. The rest of the input does not belong to it.
 * - damaged: the input is not valid deflate data. The failing call's output is unknown.
 */
export type InflateStatus = 'more' | 'full' | 'ended' | 'damaged';

function nativeHandleOf(stream: zlib.InflateRaw): { handle: NativeInflate; left: Uint32Array } {
  const inner = stream as unknown as { _handle?: NativeInflate; _writeState?: Uint32Array };
  if (typeof inner._handle?.writeSync !== 'function' || inner._writeState === undefined) {
    throw new BackupError(
      'config',
      `Node ${process.version} has no zlib handle that can be driven synchronously`,
    );
  }
  return { handle: inner._handle, left: inner._writeState };
}

export class Inflater {
  /** The number of bytes that the last step consumed and produced. */
  consumed = 0;
  produced = 0;
  readonly #stream = zlib.createInflateRaw();
  readonly #handle: NativeInflate;
  readonly #left: Uint32Array;
  #failed = false;

  constructor() {
    const { handle, left } = nativeHandleOf(this.#stream);
    this.#handle = handle;
    this.#left = left;
    Object.assign(handle, { onerror: () => void (this.#failed = true) });
  }

  /**
   * Consumes input and produces output until the input is used up or the output is full. The output
   * buffer must not be empty.
   */
  step(
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputOffset: number,
    outputLength: number,
  ): InflateStatus {
    this.consumed = 0;
    this.produced = 0;
    if (!this.#failed) {
      const { Z_SYNC_FLUSH } = zlib.constants;
      this.#handle.writeSync(
        Z_SYNC_FLUSH,
        input,
        inputOffset,
        inputLength,
        output,
        outputOffset,
        outputLength,
      );
    }
    if (this.#failed) return 'damaged';
    const outputLeft = this.#left[0] ?? 0;
    const inputLeft = this.#left[1] ?? 0;
    this.consumed = inputLength - inputLeft;
    this.produced = outputLength - outputLeft;
    if (outputLeft === 0) return 'full';
    return inputLeft > 0 ? 'ended' : 'more';
  }

  /** Starts a new stream, with an empty window. */
  reset(): void {
    this.#failed = false;
    this.#handle.reset();
  }

  /** Releases zlib's memory. */
  close(): void {
    this.#failed = true;
    this.#stream.close();
  }
}
