/**
 * What a command works with: the session's backups and staged messages, and a way to answer.
 */
import type { Turn } from '../../backup/options.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import type { AskedFor } from '../askedFor.ts';
import type { OpenBackups } from '../openBackups.ts';
import type { Uploads } from '../uploads.ts';
import type { EventName, FieldsOf } from '../../logging/events.ts';
import type { Rounds } from '../rounds.ts';

export interface CommandContext {
  readonly backups: OpenBackups;
  readonly staged: Uploads;
  /** What the log and the status store say of each user. */
  readonly rounds: Rounds;
  /**
   * Uniqueids of the mailboxes that the master was asked to send again as a whole, since the last
   * RESTART.
   */
  readonly resending: Set<string>;
  /**
   * GUIDs reported to this session as missing, and users whose missing messages were requested
   * again.
   */
  readonly asked: AskedFor;
  /** The largest total size, in bytes, of an item such as a script. */
  readonly keptBytes: number;
  /** Call between two steps of about a millisecond. */
  readonly turn: Turn;
  /** The current time in unix seconds, which is written to the log's lines. */
  now(): number;
  /** Sends an untagged line, in latin1. Waits if the peer does not read its input. */
  send(text: string): Promise<void>;
  log<E extends EventName>(event: E, fields: FieldsOf<E>): void;
}

/**
 * Runs a command and sends its untagged lines. The session sends the tagged answer. Throws a
 * BackupError to refuse the command.
 */
export type Command = (context: CommandContext, value: Dlist) => Promise<void>;
