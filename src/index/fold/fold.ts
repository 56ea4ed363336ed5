/**
 * Applies a line of the log to the index. Live append, reindex, recovery and verify all use only
 * this code. So an index can differ from its log only if the disk has returned wrong data.
 *
 * The fold runs inside the caller's transaction. A line with missing or wrong keys throws
 * 'bad-parameters', and the caller must roll back. A line that the index does not use has no
 * effect, for example RESERVE in files of the original tools.
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

/** The number of messages of a MESSAGE line folded in one step, about a millisecond. */
const FILES_A_STEP = 64;

/** The index and the facts about the current line that a fold needs. */
export interface FoldContext {
  readonly index: IndexFile;
  readonly chunkId: number;
  /** The line's time, but never earlier than the line before, even if the clock was set back. */
  readonly now: number;
}

/** Work that pauses (yields) after steps of about a millisecond. */
export type Steps = Generator<void, void, void>;

/** Folds a line without pausing. */
export function fold(index: IndexFile, line: FoldLine, chunkId: number): void {
  const steps = foldSteps(index, line, chunkId);
  while (steps.next().done !== true);
}

/**
 * Folds a line in steps of a few milliseconds, so that the caller can serve other clients in
 * between. A MAILBOX line may hold 100,000 records. Returns whether the line changed anything. The
 * log does not need a line that changed nothing, because it folds to the same state without that
 * line.
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
      return yield* foldAnnotation(context, line);
    case HORIZON_LINE:
      foldHorizon(context, line);
      break;
    case RESEND_LINE:
      foldResend(context, line);
      break;
    default:
      if (itemFolds.has(line.name)) return yield* foldItem(context, line);
  }
  return true;
}

/**
 * Folds a line atomically, in steps like foldSteps, within a transaction of the caller. An invalid
 * line throws a BackupError, changes nothing, and leaves the transaction open.
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
 * Folds MESSAGE (%{partition guid size}bytes ...). Each literal's position is the offset of its
 * bytes in the chunk.
 */
function* foldMessage({ index, chunkId }: FoldContext, line: FoldLine): Steps {
  if (!Array.isArray(line.value)) throw new BackupError('bad-parameters', 'MESSAGE: not a list');
  for (const [count, file] of line.value.entries()) {
    if (count % FILES_A_STEP === FILES_A_STEP - 1) yield;
    if (!(file instanceof FileLiteral))
      throw new BackupError('bad-parameters', 'MESSAGE: not a list of files');
    // The later copy replaces the earlier one, because a master resends a message whose first copy
    // was found damaged.
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
