/**
 * The fold: what a line of the log does to the index. Live append, reindex, recovery and verify all come through
 * here and nowhere else, so an index can only differ from its log where the disk has lied.
 *
 * Runs inside a transaction of the caller's. A line with keys missing or wrong throws 'bad-parameters' and is to be
 * rolled back; a line of a kind that the index has no use for (RESERVE in the originals' files) does nothing.
 */
import { IndexError } from './indexErrors.ts';
import type { IndexFile } from './indexFile.ts';
import type { FoldLine } from './types.ts';
import { foldAnnotation } from './foldAnnotation.ts';
import { foldItem, itemFolds } from './foldItem.ts';
import { HORIZON_LINE, foldHorizon } from './horizon.ts';
import { RESEND_LINE, foldResend } from './resend.ts';
import { foldExpunge, foldMailbox, foldRename, foldUnmailbox, foldUnuser } from './foldMailbox.ts';
import { FileLiteral } from '../protocol/dlist.ts';
import { BackupError } from '../errors.ts';

/** About a millisecond. */
const FILES_A_STEP = 64;

/** The index, and what a fold needs to know of the line at hand. */
export interface FoldContext {
  readonly index: IndexFile;
  readonly chunkId: number;
  /** The line's time, made monotonic: a clock that was set back must not make history run backwards. */
  readonly now: number;
}

/** Work in steps of a millisecond or so. */
export type Steps = Generator<void, void, void>;

/** All of a line at once. */
export function fold(index: IndexFile, line: FoldLine, chunkId: number): void {
  const steps = foldSteps(index, line, chunkId);
  while (steps.next().done !== true);
}

/**
 * The same in steps of a few milliseconds, for a caller with others to serve meanwhile: a MAILBOX may hold 100,000 records.
 * Returns whether the line changed anything. A line that did not need not be kept: without it the log folds to the same
 * state.
 */
export function* foldSteps(
  index: IndexFile,
  line: FoldLine,
  chunkId: number,
): Generator<void, boolean, void> {
  const now = advanceTime(index, line.time);
  const context = { index, chunkId, now };
  switch (line.name) {
    case 'MESSAGE':
      yield* foldMessage(context, line);
      break;
    case 'MAILBOX':
    case 'LOCAL_MAILBOX':
      return yield* foldMailbox(context, line);
    case 'EXPUNGE':
      yield* foldExpunge(context, line);
      break;
    case 'RENAME':
    case 'LOCAL_RENAME':
      foldRename(context, line);
      break;
    case 'UNMAILBOX':
    case 'LOCAL_UNMAILBOX':
      foldUnmailbox(context, line);
      break;
    case 'UNUSER':
    case 'LOCAL_UNUSER':
      yield* foldUnuser(context);
      break;
    case 'ANNOTATION':
    case 'UNANNOTATION':
      return foldAnnotation(context, line);
    case HORIZON_LINE:
      foldHorizon(context, line);
      break;
    case RESEND_LINE:
      foldResend(context, line);
      break;
    default:
      if (itemFolds.has(line.name)) return foldItem(context, line);
  }
  return true;
}

/**
 * All or nothing, in the same steps, inside a transaction of the caller's that goes on: a line that makes no sense throws a BackupError
 * and leaves nothing behind.
 */
export function* foldWholeSteps(
  index: IndexFile,
  line: FoldLine,
  chunkId: number,
): Generator<void, void, void> {
  index.run('SAVEPOINT whole_line');
  try {
    yield* foldSteps(index, line, chunkId);
  } catch (error) {
    // Any other error is the database's, and ends the transaction.
    if (!isFaultOfLine(error)) throw error;
    index.run('ROLLBACK TO whole_line');
    index.run('RELEASE whole_line');
    throw error;
  }
  index.run('RELEASE whole_line');
}

/** A full disk, or an index that turns out to be damaged, says nothing about the line. */
export function isFaultOfLine(error: unknown): error is BackupError {
  return error instanceof BackupError && (!(error instanceof IndexError) || error.isConstraint);
}

function advanceTime(index: IndexFile, time: number): number {
  const last = index.get<{ last: number | null }>('SELECT max(time) AS last FROM moment')?.last ?? 0;
  if (time <= last) return last;
  index.run('INSERT INTO moment (time) VALUES (?)', time);
  return time;
}

/** MESSAGE (%{partition guid size}bytes ...): each literal's position is where its bytes start in the chunk. */
function* foldMessage({ index, chunkId }: FoldContext, line: FoldLine): Steps {
  if (!Array.isArray(line.value)) throw new BackupError('bad-parameters', 'MESSAGE: not a list');
  for (const [count, file] of line.value.entries()) {
    if (count % FILES_A_STEP === FILES_A_STEP - 1) yield;
    if (!(file instanceof FileLiteral))
      throw new BackupError('bad-parameters', 'MESSAGE: not a list of files');
    // The later copy wins: a message is sent again where the first one was found damaged.
    index.run(
      `INSERT INTO message (guid, size, chunk_id, offset) VALUES (?, ?, ?, ?)
       ON CONFLICT (guid) DO UPDATE
       SET size = excluded.size, chunk_id = excluded.chunk_id, offset = excluded.offset, undelivered = NULL`,
      file.guid,
      file.size,
      chunkId,
      file.position,
    );
  }
}
