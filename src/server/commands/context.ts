/** What a command is given: the session's backups and staged messages, and a way to answer. */
import type { Turn } from '../../backup/options.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import type { AskedFor } from '../askedFor.ts';
import type { OpenBackups } from '../openBackups.ts';
import type { StagedMessages } from '../staged.ts';

export interface CommandContext {
  readonly backups: OpenBackups;
  readonly staged: StagedMessages;
  /** Uniqueids of mailboxes whose master was told, since the last RESTART, to send all of them again. */
  readonly resending: Set<string>;
  /** GUIDs that this session was told are missing, and userids whose missing messages it was asked for again. */
  readonly asked: AskedFor;
  /** The most that an item, such as a script, may have in all. */
  readonly keptBytes: number;
  /** Call between two steps of a millisecond's work. */
  readonly turn: Turn;
  /** Unix seconds: the time that the log's lines get. */
  now(): number;
  /** An untagged line, in latin1; waits where the peer does not read. */
  send(text: string): Promise<void>;
  warn(message: string): void;
}

/** Answers with untagged lines; the tagged one is the session's. Throws a BackupError for a refusal. */
export type Command = (context: CommandContext, value: Dlist) => Promise<void>;
