/**
 * Drives the grammar over a chunk of a data file, synchronously: one log line per call. A file's
 * bytes are passed to the caller from the source, or skipped.
 *
 * After an error this driver does not look for the next line. An undamaged chunk never gets out of
 * step, and in a damaged one nothing after the error can be trusted.
 */
import type { FileLiteral } from './dlist.ts';
import { logLine } from './grammar.ts';
import type { LogLine } from './grammar.ts';
import type { Limits } from './limits.ts';

export interface SyncByteSource {
  /** Returns the next line, with or without its line end. Null at the end of the input. */
  line(limitBytes: number): Buffer | null;
  bytes(n: number): Buffer;
  /** Passes the next n bytes to the sink in pieces, or skips them. */
  stream(n: number, sink?: (piece: Buffer) => void): void;
  /** Offset of the next byte. */
  readonly position: number;
}

/**
 * The same as generators with steps of about a millisecond, for a caller that serves others
 * meanwhile.
 */
export interface SteppedByteSource {
  lineSteps(limitBytes: number): Generator<void, Buffer | null>;
  streamSteps(n: number, sink?: (piece: Buffer) => void): Generator<void, void>;
  readonly position: number;
}

export type FileReader = (file: FileLiteral, source: SyncByteSource) => void;

function skip(file: FileLiteral, source: SyncByteSource): void {
  source.stream(file.size);
}

/**
 * Returns the next log line, with each file's position in the source, or null at the end. `onFile`
 * must consume exactly the file's bytes. Throws `syntax`, `limit`, `closed` (the input ends inside
 * a line), and any error of the source.
 */
export function readLogLine(
  source: SyncByteSource,
  limits: Limits,
  onFile: FileReader = skip,
): LogLine | null {
  const grammar = logLine(limits);
  let step = grammar.next();
  while (step.done !== true) {
    const need = step.value;
    if (need.need === 'line') step = grammar.next(source.line(limits.lineBytes) ?? undefined);
    else if (need.need === 'bytes') step = grammar.next(source.bytes(need.count));
    else if (need.need === 'turn' || need.need === 'more') step = grammar.next();
    else {
      need.file.position = source.position;
      onFile(need.file, source);
      step = grammar.next();
    }
  }
  return step.value;
}

/** Like readLogLine, in steps. `onFile` must consume exactly the file's bytes, also in steps. */
export function* logLineSteps(
  source: SteppedByteSource,
  limits: Limits,
  onFile: (file: FileLiteral) => Generator<void, void>,
): Generator<void, LogLine | null> {
  const grammar = logLine(limits);
  let step = grammar.next();
  while (step.done !== true) {
    const need = step.value;
    if (need.need === 'line') step = grammar.next((yield* source.lineSteps(limits.lineBytes)) ?? undefined);
    else if (need.need === 'bytes') step = grammar.next(yield* bytesOf(source, need.count));
    else if (need.need === 'turn') {
      yield;
      step = grammar.next();
    } else if (need.need === 'more') step = grammar.next();
    else {
      need.file.position = source.position;
      yield* onFile(need.file);
      step = grammar.next();
    }
  }
  return step.value;
}

function* bytesOf(source: SteppedByteSource, count: number): Generator<void, Buffer> {
  const pieces: Buffer[] = [];
  yield* source.streamSteps(count, (piece) => pieces.push(Buffer.from(piece)));
  return Buffer.concat(pieces, count);
}
