/** Data that the steps of restoring one user to a Cyrus server share. */
import type { MailboxOutcome } from '../report/outcome.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import type { SyncClient } from './syncClient.ts';
import type { UploadMemory } from '../uploadMemory.ts';

/** The values of `--what`. */
export const WHAT = ['mail', 'flags', 'seen', 'sieve', 'subs', 'quota', 'annotations', 'acl'] as const;
export type What = (typeof WHAT)[number];

/** How to treat existing data: leave it, add a second copy, or set it to the backup's state. */
export type Existing = 'skip' | 'copy' | 'replace';

export interface CyrusOptions {
  /** True to report what would be done, and change nothing. */
  readonly isPlan: boolean;
  /**
   * -U: keeps UIDs and everything else, if the mailbox does not exist or equals the beginning of
   * the backup's.
   */
  readonly isExact: boolean;
  /** -L: change this server only, not mupdate. */
  readonly isLocal: boolean;
  /** -P: the partition for new mailboxes. */
  readonly partition: string | undefined;
  /** -A: identifiers and rights, each followed by a TAB. Empty: the server's default. */
  readonly acl: string | undefined;
  readonly existing: Existing;
  readonly what: ReadonlySet<What>;
  /** True to restore flags and seen state, and nothing else. */
  readonly isFlagsOnly: boolean;
  readonly deletedPrefix: string;
  onProgress(outcome: MailboxOutcome): void;
}

/** Adds what is missing, everything of it, and replaces nothing. */
export function additiveOptions(
  options: Pick<CyrusOptions, 'isPlan' | 'isExact' | 'deletedPrefix'>,
): CyrusOptions {
  return {
    ...options,
    isLocal: false,
    partition: undefined,
    acl: undefined,
    existing: 'skip',
    what: new Set(WHAT),
    isFlagsOnly: false,
    onProgress: () => undefined,
  };
}

export interface CyrusJob extends CyrusOptions {
  readonly client: SyncClient;
  readonly source: RestoreSource;
  /**
   * True if the connection broke, or the server refused, when this mailbox was tried before. Then
   * no new keywords are sent.
   */
  readonly isCautious: boolean;
  readonly uploads: UploadMemory;
  /** Returns the names of the server's mailboxes that may hold some of these messages. */
  foldersWith(records: readonly SourceRecord[], target: string): Set<string>;
  /** Returns the name of the server's mailbox with that uniqueid. */
  holderOf(uniqueid: string): string | undefined;
  /**
   * Returns the owner's default rights (cyrus-imapd lib/acl.h); for a shared mailbox, `anyone lrs`.
   */
  ownersAcl(name: string): string;
}
