/** What a format of files does with a folder and its messages; the same for Maildir, mbox, tar and zip. */
import type { SourceRecord } from '../source.ts';

/** A message on its way into a file. */
export interface OutgoingMessage {
  readonly record: SourceRecord;
  /** Names, as they are to be restored. */
  readonly flags: readonly string[];
  readonly bytes: Buffer;
}

export interface FolderWriter {
  /** Where it is, for the report. */
  readonly name: string;
  readonly isNew: boolean;
  /** GUIDs that are there already, with how often. */
  readonly held: ReadonlyMap<string, number>;
  add(message: OutgoingMessage): Promise<void>;
  /** All is on disk, or handed on. */
  finish(): Promise<void>;
}

export interface FileFormat {
  /** `levels`: see folderLevels. With `isPlan` nothing is made, and nothing is added. */
  folder(userid: string, levels: readonly string[], isPlan: boolean): Promise<FolderWriter>;
  /** Something small beside the folders: a script, the list of subscriptions. Answers whether it was new. */
  sideFile(userid: string, name: string, content: string, isPlan: boolean): Promise<boolean>;
  /** Of subscribed folders, each by its levels. */
  subscriptionLine(levels: readonly string[]): string;
  finish(): Promise<void>;
}
