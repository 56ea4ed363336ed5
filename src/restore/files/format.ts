/**
 * What a format of files does with a user, a folder and its messages; the same for Maildir, mbox,
 * tar and zip.
 */
import type { Mailbox } from '../../index/types.ts';
import type { Existing } from '../cyrus/job.ts';
import type { ItemOutcome } from '../report/outcome.ts';
import type { SourceRecord } from '../source.ts';

/** A message on its way into a file. */
export interface OutgoingMessage {
  readonly record: SourceRecord;
  /** Names, as they are to be restored. */
  readonly flags: readonly string[];
  /** Its bytes, checked against its GUID; each call starts anew. */
  readonly pieces: () => Iterable<Buffer>;
}

/** The messages that a folder held when it was asked. */
export interface HeldMessages {
  /**
   * Whether one more copy of this message is there, proven by its bytes and not by a name or a
   * header field. `pieces` are the backup's. Each copy counts once.
   */
  take(record: SourceRecord, pieces: () => Iterable<Buffer>): boolean;
}

/** Something of a message that a format cannot hold. */
export interface Loss {
  /** A flag, a date, in words. */
  readonly what: string;
  readonly why: string;
}

export interface FolderWriter {
  /** Where it is, for the report. */
  readonly name: string;
  readonly isNew: boolean;
  /** For the report: another name than usual, a file that is not what it seems. */
  readonly notes: readonly string[];
  /** Annotations of messages are kept. */
  readonly holdsAnnotations: boolean;
  held(): Promise<HeldMessages>;
  /**
   * Returns what of the message's flags, date or bytes the format cannot hold. Part of the
   * message may be there if it throws.
   */
  add(message: OutgoingMessage): Promise<readonly Loss[]>;
  /** All that was added is on disk; a message of an archive once the archive is finished. */
  commit(): Promise<void>;
  /** As commit, and nothing more is added. `isLast`: no other mailbox goes into this folder. */
  finish(isLast: boolean): Promise<void>;
  /** Takes back what was added since the last commit, where the format can. */
  abandon(): void;
}

/** What becomes of a small file beside the folders. */
export interface SideFile {
  readonly kind: string;
  /** A path below the user's folder. */
  readonly path: string;
  readonly bytes: Buffer;
  /**
   * Of a file that is there and differs: it stays, or only restore writes it, or its lines are a
   * set to be added to.
   */
  readonly there: 'stays' | 'ours' | 'lines';
}

export interface UserWriter {
  /** Nothing is made in a plan. */
  folder(target: string, mailbox: Mailbox): Promise<FolderWriter>;
  sideFile(file: SideFile): Promise<ItemOutcome>;
  /** A subscribed mailbox, as the format's `subscriptions` has it. */
  subscriptionLine(mailbox: string): string;
  /** A folder takes messages best in such batches, each of which is then committed. */
  readonly batch: { readonly messages: number; readonly bytes: number };
  close(): void;
}

export interface FormatOptions {
  readonly isPlan: boolean;
  readonly existing: Existing;
  readonly deletedPrefix: string;
}

export interface FileFormat {
  user(userid: string, options: FormatOptions): UserWriter;
  /** Ends what all users share. */
  finish(): Promise<void>;
  /** After an error: nothing is left that looks whole. */
  abandon(): void;
}
