/** What a restore goes to: a Cyrus server, another IMAP server, or files. One for each user and connection. */
import type { What } from './cyrus/job.ts';
import type { ItemOutcome, MailboxOutcome } from './report/outcome.ts';
import type { SelectedMailbox } from './select/selectedMailbox.ts';
import type { RestoreSource } from './source.ts';
import type { UploadMemory } from './uploadMemory.ts';

/** A mailbox and where it goes, as an internal name. */
export interface Move {
  readonly selected: SelectedMailbox;
  readonly target: string;
  readonly uploads: UploadMemory;
}

export interface Destination {
  /** What it has a form for; the rest is told as left out. */
  readonly carries: ReadonlySet<What>;
  /** Learns what is there of these. Called once, before all else. */
  prepare(source: RestoreSource, moves: readonly Move[]): Promise<void>;
  /**
   * Throws where nothing of the mailbox could be done; single messages fail in the outcome. `isLastTry`: the connection broke
   * at this mailbox before, and the next time it is given up.
   */
  restoreMailbox(move: Move, outcome: MailboxOutcome, isLastTry: boolean): Promise<void>;
  /** Everything that is no mailbox. `isWholeUser`: no single mailboxes were named. */
  restoreItems(isWholeUser: boolean): Promise<ItemOutcome[]>;
  close(): Promise<void>;
}
