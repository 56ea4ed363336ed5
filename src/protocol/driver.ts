/**
 * Drives the grammar over a socket: reads one command, or one line of an answer. Whatever the input
 * holds, the session stays in step with the peer.
 *
 * If the grammar, a limit or a file's consumer throws, the driver first reads and discards the rest
 * of the command in bounded memory (framing.ts). Only then is the error thrown. After any error
 * except FramingError and `closed`, the source is at the next command.
 */
import { setImmediate } from 'node:timers/promises';
import { BackupError } from '../errors.ts';
import { FramingError, continuationOf, tailBytes } from './framing.ts';
import type { Continuation } from './framing.ts';
import type { FileLiteral } from './dlist.ts';
import { serverAnswer, takesDlist, wireCommand } from './grammar.ts';
import type { Answer, WireCommand } from './grammar.ts';
import type { Limits } from './limits.ts';
import type { Need } from './need.ts';
import type { ByteSource } from './source.ts';

export interface WireHandlers {
  /**
   * Reads the file's bytes from `source`, which holds only those. Any bytes it leaves are
   * discarded.
   */
  onFile(file: FileLiteral, source: ByteSource): Promise<void>;
  /**
   * Called if the peer sent `{n}` without a plus and may wait for "+ go ahead". Unmodified clients
   * of 3.6 and later do not wait.
   */
  onSynchronizingLiteral(): void;
  /**
   * Long work calls this to let other sessions run. By default it waits for one turn of the event
   * loop.
   */
  turn?(): Promise<void>;
  /**
   * Reports about how much memory the command uses so far. The call may wait, or throw if that is
   * too much.
   */
  hold?(bytes: number): Promise<void> | undefined;
}

/** Limits a source to one file's bytes, so that no consumer can read beyond them. */
class FileSource implements ByteSource {
  readonly #source: ByteSource;
  left: number;

  constructor(source: ByteSource, size: number) {
    this.#source = source;
    this.left = size;
  }

  get ended(): boolean {
    return this.left === 0;
  }

  line(): Promise<Buffer> {
    return Promise.reject(new BackupError('bad-parameters', 'a file is read in bytes, not in lines'));
  }

  linePart(): Promise<Buffer> {
    return this.line();
  }

  async bytes(n: number): Promise<Buffer> {
    this.#check(n);
    const bytes = await this.#source.bytes(n);
    this.left -= n;
    return bytes;
  }

  pieces(n: number, onPiece: (piece: Buffer) => void | Promise<void>): Promise<void> {
    this.#check(n);
    return this.#source.pieces(n, (piece) => {
      this.left -= piece.length;
      return onPiece(piece);
    });
  }

  #check(n: number): void {
    if (n > this.left) {
      throw new BackupError('bad-parameters', `${n} bytes asked of a file that has ${this.left} left`);
    }
  }
}

/**
 * How much of a line is read at once. This is also the longest text that is scanned in one step.
 */
const PART_BYTES = 64 * 1024;

/** The number of literals of a broken command that are discarded in about a millisecond. */
const LITERALS_A_TURN = 128;

function ignore(): void {
  // A consumer that discards the bytes of a command that has already failed.
}

/** One run of a grammar: tracks what the framing expects next, and the first error. */
class Reading {
  readonly #source: ByteSource;
  readonly #limits: Limits;
  readonly #handlers: WireHandlers;
  #following: Continuation | undefined;
  /**
   * The current line: its last bytes so far, its length so far, and whether it was read to its end.
   */
  #tail: Buffer = Buffer.alloc(0);
  #lineBytes = 0;
  #isLineRead = true;
  #drainedBytes = 0;
  #failed = false;
  #failure: unknown;
  /** Whether a first line was read. After that, the input may not end before the command does. */
  isStarted = false;

  constructor(source: ByteSource, limits: Limits, handlers: WireHandlers) {
    this.#source = source;
    this.#limits = limits;
    this.#handlers = handlers;
  }

  async run<T>(grammar: Generator<Need, T, Buffer | undefined>, isWhole: (result: T) => boolean): Promise<T> {
    try {
      let step = grammar.next();
      while (step.done !== true) step = grammar.next(await this.#fulfil(step.value));
      if (!isWhole(step.value)) await this.#drain();
      if (this.#failed) throw this.#failure;
      return step.value;
    } catch (error) {
      if (this.#failed && error === this.#failure) throw error;
      if (error instanceof FramingError || (error instanceof BackupError && error.kind === 'closed')) {
        throw error;
      }
      await this.#drain();
      throw this.#failed ? this.#failure : error;
    }
  }

  async #fulfil(need: Need): Promise<Buffer | undefined> {
    if (need.need === 'line') return this.#line();
    if (need.need === 'file') return this.#file(need.file);
    await this.#handlers.hold?.(need.held);
    if (need.need === 'turn') {
      await this.#turn();
      return undefined;
    }
    const bytes = await this.#bytesFor(need);
    // What follows is work, which counts from here.
    await this.#handlers.turn?.();
    return bytes;
  }

  async #bytesFor(need: Extract<Need, { need: 'more' | 'bytes' }>): Promise<Buffer | undefined> {
    if (need.need === 'bytes') return this.#literal(need.count, need.synchronizing);
    return this.#isLineRead ? undefined : this.#part(need.atLeast);
  }

  #turn(): Promise<void> {
    return this.#handlers.turn?.() ?? setImmediate();
  }

  /** Reads a line, or the first part of a long one. */
  #line(): Promise<Buffer> {
    this.#lineBytes = 0;
    this.#tail = Buffer.alloc(0);
    return this.#part(0);
  }

  async #part(atLeastBytes: number): Promise<Buffer> {
    const part = await this.#source.linePart(Math.max(PART_BYTES, atLeastBytes));
    this.isStarted = true;
    this.#lineBytes += part.length;
    this.#isLineRead = part[part.length - 1] === 0x0a;
    this.#tail = this.#tail.length === 0 ? part : Buffer.concat([this.#tail, part.subarray(-tailBytes)]);
    this.#tail = this.#tail.subarray(-tailBytes);
    if (this.#isLineRead) this.#following = continuationOf(this.#tail);
    if (this.#lineBytes > this.#limits.lineBytes) {
      throw new BackupError('limit', `a line is longer than ${this.#limits.lineBytes} bytes`);
    }
    return part;
  }

  /** Reads the rest of the current line, and keeps only the line's last bytes. */
  async #skipLine(): Promise<void> {
    while (!this.#isLineRead) {
      try {
        await this.#part(0);
      } catch (error) {
        if (!(error instanceof BackupError) || error.kind !== 'limit') throw error;
      }
    }
  }

  #literal(count: number, synchronizing: boolean): Promise<Buffer> {
    this.#following = undefined;
    if (synchronizing) this.#handlers.onSynchronizingLiteral();
    return this.#source.bytes(count);
  }

  async #file(file: FileLiteral): Promise<undefined> {
    this.#following = undefined;
    const part = new FileSource(this.#source, file.size);
    try {
      if (!this.#failed) await this.#handlers.onFile(file, part);
    } catch (error) {
      if (error instanceof BackupError && error.kind === 'closed') throw error;
      this.#failed = true;
      this.#failure = error;
    }
    if (part.left > 0) await this.#discard(part.left);
    return undefined;
  }

  /** Reads and discards the rest of a broken command. */
  async #drain(): Promise<void> {
    await this.#skipLine();
    let drained = 0;
    while (this.#following !== undefined) {
      const { size, synchronizing } = this.#following;
      this.#following = undefined;
      if (this.#drainedBytes + size <= this.#limits.drainBytes && synchronizing) {
        this.#handlers.onSynchronizingLiteral();
      }
      await this.#discard(size);
      if ((drained += 1) % LITERALS_A_TURN === 0) await this.#turn();
      this.#isLineRead = false;
      this.#tail = Buffer.alloc(0);
      await this.#skipLine();
    }
  }

  async #discard(size: number): Promise<void> {
    this.#drainedBytes += size;
    if (this.#drainedBytes > this.#limits.drainBytes) {
      throw new FramingError('limit', `a broken command is longer than ${this.#limits.drainBytes} bytes`);
    }
    await this.#source.pieces(size, ignore);
  }
}

/**
 * Reads the next command. Returns null if the peer closed the connection between two commands.
 *
 * Throws the command's error and leaves the source at the next command. If the error comes from the
 * grammar, its subject is the verb. Throws FramingError or `closed` if there can be no next
 * command.
 */
export async function readWireCommand(
  source: ByteSource,
  limits: Limits,
  handlers: WireHandlers,
): Promise<WireCommand | null> {
  const reading = new Reading(source, limits, handlers);
  try {
    return await reading.run(wireCommand(limits), ({ verb }) => takesDlist(verb));
  } catch (error) {
    const isOver = !reading.isStarted && source.ended;
    if (isOver && error instanceof BackupError && error.kind === 'closed') return null;
    throw error;
  }
}

/**
 * Reads the next line of a server's answer. Works like readWireCommand, but throws `closed` at the
 * end of the input.
 */
export function readAnswer(
  source: ByteSource,
  limits: Limits,
  handlers: WireHandlers,
  tag = '',
): Promise<Answer> {
  return new Reading(source, limits, handlers).run(serverAnswer(limits, tag), () => true);
}
