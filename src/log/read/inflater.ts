/**
 * A synchronous raw inflate that keeps its state between calls and says how much it took and gave.
 *
 * Why by zlib's native handle: the parser of chunks is synchronous, members of the originals' compact have no
 * place to start afresh, and Node's public synchronous calls are one-shot (`_processChunk` closes the stream
 * when it returns). `_handle.writeSync` and `_writeState` are what those calls are themselves made of, the
 * same since Node 11; npm's own minizlib and fast-zlib stand on them. Output goes to the caller's buffer, so
 * nothing is allocated for each call. Nothing else in the project touches them.
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
 * more: all input is taken, and what it holds is given. full: the output is full, there may be more.
 * ended: the deflate stream's last block is behind us, the rest of the input is not its own.
 * damaged: not deflate; what the failing call gave is not known.
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
  /** Bytes taken and given by the last step. */
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

  /** Takes input and gives output, as much as fits of either. The output must have room. */
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

  /** Begins a new stream, with an empty window. */
  reset(): void {
    this.#failed = false;
    this.#handle.reset();
  }

  /** Gives zlib's memory back. */
  close(): void {
    this.#failed = true;
    this.#stream.close();
  }
}
