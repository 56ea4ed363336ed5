/** What a command is given: the session's backups and staged messages, and a way to answer. */
import type { Dlist } from '../../protocol/dlist.ts';
import type { OpenBackups } from '../openBackups.ts';
import type { StagedMessages } from '../staged.ts';

export interface CommandContext {
  readonly backups: OpenBackups;
  readonly staged: StagedMessages;
  /** Uniqueids of mailboxes whose master was told, since the last RESTART, to send all of them again. */
  readonly resending: Set<string>;
  /** Unix seconds: the time that the log's lines get. */
  now(): number;
  /** An untagged line, in latin1; waits where the peer does not read. */
  send(text: string): Promise<void>;
  warn(message: string): void;
}

/** Answers with untagged lines; the tagged one is the session's. Throws a BackupError for a refusal. */
export type Command = (context: CommandContext, value: Dlist) => Promise<void>;
