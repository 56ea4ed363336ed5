/**
 * The interface of the file formats (Maildir, mbox, tar, zip): how they store a user, a folder and
 * its messages.
 */
import type { Mailbox } from '../../index/types.ts';
import type { Existing } from '../cyrus/job.ts';
import type { ItemOutcome } from '../report/outcome.ts';
import type { SourceRecord } from '../source.ts';

/** A message to be written. */
export interface OutgoingMessage {
  readonly record: SourceRecord;
  /** Names of the flags to be restored. */
  readonly flags: readonly string[];
  /** Returns its bytes, checked against its GUID; each call reads from the start. */
  readonly pieces: () => Iterable<Buffer>;
}

/** The messages that a folder held when `held()` was called. */
export interface HeldMessages {
  /**
   * Reports whether one more copy of this message is there, and counts that copy as taken. Only the
   * bytes prove that; a file name or a header field does not. `pieces` are the backup's bytes.
   */
  take(record: SourceRecord, pieces: () => Iterable<Buffer>): boolean;
}

/** A part of a message that the format cannot hold. */
export interface Loss {
  /** The lost part in words, such as a flag or a date. */
  readonly what: string;
  readonly why: string;
}

export interface FolderWriter {
  /** The folder's path, for the report. */
  readonly name: string;
  readonly isNew: boolean;
  /**
   * Notes for the report, such as an unusual name, or a file whose bytes do not match the GUID in
   * its name.
   */
  readonly notes: readonly string[];
  /** True if the format keeps annotations of messages. */
  readonly holdsAnnotations: boolean;
  held(): Promise<HeldMessages>;
  /**
   * Adds a message. Returns which of the message's flags, date or bytes the format cannot hold. If
   * it throws, part of the message may have been written.
   */
  add(message: OutgoingMessage): Promise<readonly Loss[]>;
  /**
   * Resolves once everything added is on disk. In an archive, a message is on disk only once the
   * archive is finished.
   */
  commit(): Promise<void>;
  /**
   * Commits and ends the folder for this mailbox. `isLast`: no other mailbox is restored into it.
   */
  finish(isLast: boolean): Promise<void>;
  /** Discards what was added since the last commit, if the format can. */
  abandon(): void;
}

/** A small file beside the folders. */
export interface SideFile {
  readonly kind: string;
  /** The path below the user's folder. */
  readonly path: string;
  readonly bytes: Buffer;
  /**
   * What to do with an existing file that differs:
   * - `stays`: keep it.
   * - `ours`: replace it; only restore writes this file.
   * - `lines`: add the missing lines.
   */
  readonly there: 'stays' | 'ours' | 'lines';
}

export interface UserWriter {
  /** Opens the folder for a mailbox. A plan creates nothing. */
  folder(target: string, mailbox: Mailbox): Promise<FolderWriter>;
  sideFile(file: SideFile): Promise<ItemOutcome>;
  /** Returns the line for a subscribed mailbox in the format's `subscriptions` file. */
  subscriptionLine(mailbox: string): string;
  /** The size of a batch, after which a folder commits. */
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
  /** Finishes the output that all users share. */
  finish(): Promise<void>;
  /** Called after an error: leaves nothing behind that looks complete. */
  abandon(): void;
}
