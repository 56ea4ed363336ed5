/**
 * Provides a session's bytes as lines and counted bytes, from chunks of any size as a socket, a TLS
 * layer or an inflater produces them.
 *
 * It promises:
 *
 * - No byte is searched twice for a line's end, however the chunks are cut.
 * - Data within one chunk is returned without a copy.
 * - If the bytes have arrived, reading them costs a microtask and no turn of the event loop.
 * - At most `highWaterBytes` are buffered beyond what a reader waits for.
 * - An over-long line is read to its end in bounded memory, so that the session stays in step.
 */
import { BackupError } from '../errors.ts';
import { LineTooLongError, tailBytes } from './framing.ts';

export interface ByteSource {
  /**
   * Returns the next line with its LF. Throws LineTooLongError, with the line consumed. Throws
   * `closed` if the input ends before the LF.
   */
  line(limitBytes: number): Promise<Buffer>;
  /**
   * Returns the next part of a line: up to and including its LF, or `mostBytes` bytes if they hold
   * no LF.
   */
  linePart(mostBytes: number): Promise<Buffer>;
  /** Returns exactly n bytes. Throws `closed` if the input ends first. */
  bytes(n: number): Promise<Buffer>;
  /**
   * Passes the next n bytes to `onPiece` as they arrive, in pieces, without holding any. A piece
   * counts as read before `onPiece` is called.
   */
  pieces(n: number, onPiece: (piece: Buffer) => void | Promise<void>): Promise<void>;
  /** Whether the input ended cleanly and was read completely. */
  readonly ended: boolean;
}

export interface SourceOptions {
  /** Called to stop the input: the buffer holds more than any reader waits for. */
  readonly pause?: () => void;
  /** Called to resume the input. */
  readonly resume?: () => void;
  readonly highWaterBytes?: number;
}

/**
 * Smaller chunks are gathered, so that a peer that sends single bytes does not cost an object for
 * each.
 */
const gatherBelowBytes = 1024;
const gatherBytes = 16 * 1024;

export class SocketSource implements ByteSource {
  readonly #options: SourceOptions;
  readonly #highWaterBytes: number;
  #chunks: Buffer[] = [];
  /** Where the first chunk's unread bytes start. */
  #offset = 0;
  #buffered = 0;
  /**
   * There is no LF in the chunks before this one, nor in the first `#scannedBytes` of this chunk.
   * More bytes may be appended to this chunk.
   */
  #scannedChunks = 0;
  #scannedBytes = 0;
  /**
   * The buffer that holds the last chunk, if this class allocated the buffer and there may be room
   * in it.
   */
  #gather: Buffer | undefined;
  #gathered = 0;
  #finished = false;
  #failure: BackupError | undefined;
  #paused = false;
  #wake: (() => void) | undefined;

  constructor(options: SourceOptions = {}) {
    this.#options = options;
    this.#highWaterBytes = options.highWaterBytes ?? 1024 * 1024;
  }

  /** The number of bytes pushed but not yet read. */
  get buffered(): number {
    return this.#buffered;
  }

  get ended(): boolean {
    return this.#finished && this.#failure === undefined && this.#buffered === 0;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0 || this.#finished) return;
    this.#buffered += chunk.length;
    if (chunk.length >= gatherBelowBytes) {
      this.#gather = undefined;
      this.#chunks.push(chunk);
    } else this.#gatherChunk(chunk);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
    if (wake === undefined && !this.#paused && this.#buffered >= this.#highWaterBytes) {
      this.#paused = true;
      this.#options.pause?.();
    }
  }

  /**
   * Marks the end of the input. If an error is given, reading beyond the buffered bytes throws that
   * error.
   */
  end(error?: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    if (error instanceof BackupError) this.#failure = error;
    else if (error !== undefined) {
      this.#failure = new BackupError('closed', 'the connection broke', { cause: error });
    }
    this.#wake?.();
    this.#wake = undefined;
  }

  /**
   * Resolves once there is something to read, or no more input can arrive. Rejects only if a read
   * would also reject.
   */
  async waitForInput(): Promise<void> {
    if (this.#buffered === 0 && !this.#finished) await this.#more();
  }

  /** Returns everything buffered, for a caller that takes over the stream, as COMPRESS does. */
  takeRemaining(): Buffer {
    return this.#take(this.#buffered);
  }

  async line(limitBytes: number): Promise<Buffer> {
    for (;;) {
      const length = this.#lineLength();
      if (length !== -1 && length <= limitBytes) return this.#take(length);
      if (length !== -1 || this.#buffered > limitBytes) return this.#skipLine(limitBytes);
      await this.#more();
    }
  }

  async linePart(mostBytes: number): Promise<Buffer> {
    for (;;) {
      const length = this.#lineLength();
      if (length !== -1 && length <= mostBytes) return this.#take(length);
      if (this.#buffered >= mostBytes) break;
      await this.#more();
    }
    const [chunks, bytes, before] = [this.#scannedChunks, this.#scannedBytes, this.#chunks.length];
    const part = this.#take(mostBytes);
    // Remember how far the search has come. Chunks that were consumed as a whole are gone.
    this.#scannedChunks = Math.max(0, chunks - (before - this.#chunks.length));
    this.#scannedBytes = chunks < before - this.#chunks.length ? 0 : bytes;
    return part;
  }

  async bytes(n: number): Promise<Buffer> {
    while (this.#buffered < n) await this.#more();
    return this.#take(n);
  }

  async pieces(n: number, onPiece: (piece: Buffer) => void | Promise<void>): Promise<void> {
    let left = n;
    while (left > 0) {
      while (this.#buffered === 0) await this.#more();
      const first = this.#chunks[0]!;
      const piece = this.#take(Math.min(left, first.length - this.#offset));
      left -= piece.length;
      const done = onPiece(piece);
      if (done !== undefined) await done;
    }
  }

  /**
   * Returns the length of the first line with its LF, or -1. Never searches the same bytes twice.
   */
  #lineLength(): number {
    for (let index = this.#scannedChunks; index < this.#chunks.length; index += 1) {
      const chunk = this.#chunks[index]!;
      const from = index === this.#scannedChunks ? this.#scannedBytes : 0;
      const found = chunk.indexOf(0x0a, index === 0 ? Math.max(from, this.#offset) : from);
      if (found !== -1) {
        let length = found + 1 - this.#offset;
        for (let before = 0; before < index; before += 1) length += this.#chunks[before]!.length;
        return length;
      }
      this.#scannedChunks = index;
      this.#scannedBytes = chunk.length;
    }
    return -1;
  }

  /** Returns the next n bytes, which must all be buffered. */
  #take(n: number): Buffer {
    this.#buffered -= n;
    const first = this.#chunks[0];
    if (first !== undefined && first.length - this.#offset > n) {
      const part = first.subarray(this.#offset, this.#offset + n);
      this.#offset += n;
      this.#taken();
      return part;
    }
    const parts: Buffer[] = [];
    let left = n;
    let used = 0;
    while (left > 0) {
      const chunk = this.#chunks[used]!;
      const part = chunk.subarray(this.#offset, this.#offset + left);
      parts.push(part);
      left -= part.length;
      this.#offset += part.length;
      if (this.#offset < chunk.length) break;
      this.#offset = 0;
      used += 1;
    }
    this.#drop(used);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts, n);
  }

  #drop(used: number): void {
    this.#chunks.splice(0, used);
    if (this.#chunks.length === 0) this.#gather = undefined;
    this.#taken();
  }

  #taken(): void {
    this.#scannedChunks = 0;
    this.#scannedBytes = 0;
    if (!this.#paused || this.#buffered >= this.#highWaterBytes / 2) return;
    this.#paused = false;
    this.#options.resume?.();
  }

  /** Reads an over-long line to its LF, and keeps only the line's last bytes. */
  async #skipLine(limitBytes: number): Promise<never> {
    let tail: Buffer = Buffer.alloc(0);
    for (;;) {
      const length = this.#lineLength();
      const part = this.#take(length === -1 ? this.#buffered : length);
      tail = Buffer.concat([tail, part.subarray(-tailBytes)]).subarray(-tailBytes);
      if (length !== -1) throw new LineTooLongError(limitBytes, tail);
      await this.#more();
    }
  }

  #more(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#finished) return Promise.reject(new BackupError('closed', 'the connection was closed'));
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (!this.#paused) return;
      this.#paused = false;
      this.#options.resume?.();
    });
  }

  #gatherChunk(chunk: Buffer): void {
    const room = this.#gather;
    if (room !== undefined && room.length - this.#gathered >= chunk.length) {
      chunk.copy(room, this.#gathered);
      this.#gathered += chunk.length;
      const last = this.#chunks.length - 1;
      const start = this.#chunks[last]!.byteOffset - room.byteOffset;
      this.#chunks[last] = room.subarray(start, this.#gathered);
      return;
    }
    this.#gather = Buffer.allocUnsafeSlow(gatherBytes);
    this.#gathered = chunk.copy(this.#gather);
    this.#chunks.push(this.#gather.subarray(0, this.#gathered));
  }
}
