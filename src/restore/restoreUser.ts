/**
 * Restores one user: the selected mailboxes one by one, INBOX first, then everything else.
 * - A mailbox that fails is reported, and the restore continues.
 * - If the connection breaks, the same mailbox is tried again over a new connection.
 * - A message that breaks the connection each time is skipped and reported, and the restore
 *   continues.
 */
import { BackupError, messageOf } from '../errors.ts';
import { livingSize } from '../index/queries/records.ts';
import { isInbox } from '../mailbox/names.ts';
import type { Destination, Move } from './destination.ts';
import type { Mailbox } from '../index/types.ts';
import type { What } from './cyrus/job.ts';
import { notCarried } from './report/notCarried.ts';
import { addTry, failUser, newOutcome, newUser } from './report/outcome.ts';
import type { MailboxOutcome, UserOutcome } from './report/outcome.ts';
import { select } from './select/selection.ts';
import type { SelectionOptions } from './select/selection.ts';
import { RestoreSource } from './source.ts';
import { targetName } from './select/targetName.ts';
import type { NamingOptions } from './select/targetName.ts';
import { UploadMemory } from './uploadMemory.ts';

/**
 * How often a mailbox is retried after it broke the connection, since the mailbox may crash the
 * server's process.
 */
const RETRIES = 2;

export interface UserRestore {
  /** null: the backup was named by its file; the owner is derived from its mailboxes. */
  readonly userid: string | null;
  /** The path of the data file. */
  readonly path: string;
  /** Unix seconds; null: the backup's current state. */
  readonly time: number | null;
  readonly selection: SelectionOptions;
  readonly naming: NamingOptions;
  /** The values of --what, to report those that the destination cannot hold. */
  readonly what: ReadonlySet<What>;
  /** Opens the destination. Called only if there is something to restore. */
  open(userid: string): Promise<Destination>;
  /**
   * Called before the first mailbox, with the greatest number of messages that may have to be
   * restored.
   */
  onStart(messages: number): void;
  onMailbox(outcome: MailboxOutcome): void;
}

export async function restoreUser(job: UserRestore): Promise<UserOutcome> {
  const user = newUser(job.userid ?? job.path);
  let source: RestoreSource | undefined;
  let destination: Destination | undefined;
  /** The number of mailboxes that are not finished. */
  let untried = 0;
  try {
    source = new RestoreSource(job.userid, job.path, job.time);
    const doubt = source.doubtOf(job.time ?? job.selection.between?.from ?? null);
    if (doubt !== null) failUser(user, 'locked', doubt);
    const { mailboxes, missing, leftOut } = select(source, job.selection);
    if (leftOut.length > 0) user.notes.push(leftOutNote(leftOut));
    for (const object of missing) failUser(user, 'not-found', `${object}: not in this backup`);
    const moves = mailboxes
      .map((selected) => ({
        selected,
        target: targetName(selected.mailbox.name, job.naming),
        uploads: new UploadMemory(),
      }))
      .toSorted(inOrder);
    untried = moves.length;
    const { index } = source.reader;
    job.onStart(
      moves.reduce((sum, { selected }) => sum + livingSize(index, selected.mailbox.id).messages, 0),
    );
    if (moves.length === 0 && missing.length > 0) return user;
    const from = source;
    const connect = async (): Promise<Destination> => {
      await destination?.close();
      destination = undefined;
      destination = await job.open(from.userid);
      await destination.prepare(from, moves);
      return destination;
    };
    let current = await connect();
    for (const move of moves) {
      const outcome = newOutcome(move.selected.mailbox.name, move.target);
      user.mailboxes.push(outcome);
      let isOver = await restoreOne(current, move, outcome, false);
      for (let attempt = 0; !isOver;) {
        attempt = move.uploads.broke() ? 0 : attempt + 1;
        current = await connect();
        isOver = await restoreOne(current, move, outcome, attempt >= RETRIES);
      }
      untried -= 1;
      job.onMailbox(outcome);
    }
    const isWholeUser = job.selection.objects.length === 0 && job.selection.between === null;
    user.items.push(...(await current.restoreItems(isWholeUser)));
    const lost = notCarried(from, moves, job.what, current.carries, isWholeUser);
    if (lost !== undefined) user.notes.push(lost);
  } catch (error) {
    // A wrong password is wrong for all users; further attempts would lock the account. A server
    // that is away is away for all.
    if (error instanceof BackupError && (error.kind === 'auth' || error.kind === 'unreachable')) throw error;
    const lost =
      untried > 0 ? `${untried} of the mailboxes not restored, nor settings` : 'settings not restored';
    const kind = error instanceof BackupError ? error.kind : 'io';
    failUser(user, kind, source === undefined ? reasonOf(error) : `${reasonOf(error)}: ${lost}`);
  } finally {
    await destination?.close();
    source?.close();
  }
  return user;
}

/** The report names only the first few of the mailboxes that were left out. */
const NAMES_TOLD = 5;

function leftOutNote(mailboxes: readonly Mailbox[]): string {
  const names = mailboxes.slice(0, NAMES_TOLD).map(({ name }) => name);
  if (mailboxes.length > NAMES_TOLD) names.push('...');
  const what = mailboxes.length === 1 ? '1 mailbox' : `${mailboxes.length} mailboxes`;
  return `${what} without mail left out (--all-types restores them): ${names.join(', ')}`;
}

/**
 * Tries a mailbox once and adds the result to its outcome. Returns false if the connection broke
 * and another try may help. On the last try, a broken connection is a failure like any other.
 */
async function restoreOne(
  destination: Destination,
  move: Move,
  outcome: MailboxOutcome,
  isLast: boolean,
): Promise<boolean> {
  const attempt = newOutcome(outcome.source, outcome.target);
  try {
    await destination.restoreMailbox(move, attempt, isLast);
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'closed' && !isLast) return false;
    attempt.failures.push(reasonOf(error));
  } finally {
    addTry(outcome, attempt);
  }
  return true;
}

/**
 * An error that is no BackupError is a bug of this program. It fails only the current work, not
 * other mailboxes or users.
 */
function reasonOf(error: unknown): string {
  return error instanceof BackupError ? error.message : `internal error: ${messageOf(error)}`;
}

/** Sorts INBOXes first: on a server, a user does not exist without an INBOX. */
function inOrder(a: Move, b: Move): number {
  const rank = Number(isInbox(b.target)) - Number(isInbox(a.target));
  if (rank !== 0) return rank;
  if (a.target === b.target) return 0;
  return a.target < b.target ? -1 : 1;
}
