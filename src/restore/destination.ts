/**
 * The target of a restore: a Cyrus server, another IMAP server, or files. There is one per user and
 * connection.
 */
import type { What } from './cyrus/job.ts';
import type { ItemOutcome, MailboxOutcome } from './report/outcome.ts';
import type { SelectedMailbox } from './select/selectedMailbox.ts';
import type { RestoreSource } from './source.ts';
import type { UploadMemory } from './uploadMemory.ts';

/** A mailbox and its target, an internal name. */
export interface Move {
  readonly selected: SelectedMailbox;
  readonly target: string;
  readonly uploads: UploadMemory;
}

export interface Destination {
  /** What the destination can hold; everything else is reported as left out. */
  readonly carries: ReadonlySet<What>;
  /**
   * Reads what the destination already has for these mailboxes. Call once, before everything else.
   */
  prepare(source: RestoreSource, moves: readonly Move[]): Promise<void>;
  /**
   * Restores a mailbox. Throws if nothing of the mailbox could be restored; failures of single
   * messages are recorded in the outcome. `isLastTry`: the connection broke at this mailbox before,
   * and if it breaks again, the mailbox is not tried again.
   */
  restoreMailbox(move: Move, outcome: MailboxOutcome, isLastTry: boolean): Promise<void>;
  /** Restores everything except mailboxes. `isWholeUser`: no single mailboxes were named. */
  restoreItems(isWholeUser: boolean): Promise<ItemOutcome[]>;
  close(): Promise<void>;
}
