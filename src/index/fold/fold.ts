/**
 * Applies a line of the log to the index. Live append, reindex, recovery and verify all use this
 * code and no other. So an index can only differ from its log if the disk has returned wrong data.
 *
 * The fold runs inside the caller's transaction. A line with missing or wrong keys throws
 * 'bad-parameters', and the caller must roll back. A line that the index does not use (RESERVE in
 * files of the original) has no effect.
 */
import { isFaultOfLine } from '../store/indexErrors.ts';
import type { IndexFile } from '../store/indexFile.ts';
import type { FoldLine } from '../types.ts';
import { foldAnnotation } from './annotation.ts';
import { foldItem, itemFolds } from './item.ts';
import { HORIZON_LINE, foldHorizon } from '../queries/horizon.ts';
import { RESEND_LINE, foldResend } from './resend.ts';
import { foldExpunge, foldMailbox, foldRename, foldUnmailbox, foldUnuser } from './mailbox.ts';
import { FileLiteral } from '../../protocol/dlist.ts';
import { BackupError } from '../../errors.ts';

/** Takes about a millisecond. */
const FILES_A_STEP = 64;

/** The index, and what a fold needs to know about the current line. */
export interface FoldContext {
  readonly index: IndexFile;
  readonly chunkId: number;
  /** The line's time, made monotonic: if a clock is set back, history must not run backwards. */
  readonly now: number;
}

/** Work in steps of about a millisecond. */
export type Steps = Generator<void, void, void>;

/** Folds a line in one go. */
export function fold(index: IndexFile, line: FoldLine, chunkId: number): void {
  const steps = foldSteps(index, line, chunkId);
  while (steps.next().done !== true);
}

/**
 * Folds a line in steps of a few milliseconds, for a caller that must serve others in between: a
 * MAILBOX may hold 100,000 records. Returns whether the line changed anything. A line that changed
 * nothing need not be kept: without it, the log folds to the same state.
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
 * Folds a line atomically, in the same steps, inside a transaction of the caller that continues. An
 * invalid line throws a BackupError and leaves no change.
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
    // Any other error comes from the database and ends the transaction.
    if (!isFaultOfLine(error)) throw error;
    index.run('ROLLBACK TO whole_line');
    index.run('RELEASE whole_line');
    throw error;
  }
  index.run('RELEASE whole_line');
}

function advanceTime(index: IndexFile, time: number): number {
  const last = index.get<{ last: number | null }>('SELECT max(time) AS last FROM moment')?.last ?? 0;
  if (time <= last) return last;
  index.run('INSERT INTO moment (time) VALUES (?)', time);
  return time;
}

/**
 * MESSAGE (%{partition guid size}bytes ...): the position of each literal is where its bytes start
 * in the chunk.
 */
function* foldMessage({ index, chunkId }: FoldContext, line: FoldLine): Steps {
  if (!Array.isArray(line.value)) throw new BackupError('bad-parameters', 'MESSAGE: not a list');
  for (const [count, file] of line.value.entries()) {
    if (count % FILES_A_STEP === FILES_A_STEP - 1) yield;
    if (!(file instanceof FileLiteral))
      throw new BackupError('bad-parameters', 'MESSAGE: not a list of files');
    // The later copy wins: a message is sent again if its first copy was found damaged.
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
