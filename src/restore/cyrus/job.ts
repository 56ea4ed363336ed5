/** What the steps of restoring one user to a Cyrus server share. */
import type { MailboxOutcome } from '../report/outcome.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import type { SyncClient } from './syncClient.ts';
import type { UploadMemory } from '../uploadMemory.ts';

/** What `--what` names. */
export const WHAT = ['mail', 'flags', 'seen', 'sieve', 'subs', 'quota', 'annotations', 'acl'] as const;
export type What = (typeof WHAT)[number];

/** What is done with what is there already: nothing, a second copy beside it, or made as it was in the backup. */
export type Existing = 'skip' | 'copy' | 'replace';

export interface CyrusOptions {
  /** Work out what would be done, and do nothing. */
  readonly isPlan: boolean;
  /** -U: keep UIDs and all else, where the mailbox is not there or is the beginning of ours. */
  readonly isExact: boolean;
  /** -L: no mupdate. */
  readonly isLocal: boolean;
  /** -P. */
  readonly partition: string | undefined;
  /** -A: identifiers and rights, TAB behind each; empty: what the server gives by itself. */
  readonly acl: string | undefined;
  readonly existing: Existing;
  readonly what: ReadonlySet<What>;
  /** Put flags and seen state back, and nothing else. */
  readonly isFlagsOnly: boolean;
  readonly deletedPrefix: string;
  onProgress(outcome: MailboxOutcome): void;
}

export interface CyrusJob extends CyrusOptions {
  readonly client: SyncClient;
  readonly source: RestoreSource;
  /** The server broke the connection at this mailbox before. */
  readonly isCautious: boolean;
  readonly uploads: UploadMemory;
  /** Names of the server's mailboxes that may hold some of these messages. */
  foldersWith(records: readonly SourceRecord[], target: string): Set<string>;
  /** The name of the server's mailbox with that uniqueid. */
  holderOf(uniqueid: string): string | undefined;
  /** What an owner has by default (cyrus-imapd lib/acl.h); empty for a shared mailbox. */
  ownersAcl(name: string): string;
}
