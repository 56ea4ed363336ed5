/**
 * What a command works with: the session's backups and staged messages, and a way to answer.
 */
import type { Turn } from '../../backup/options.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import type { AskedFor } from '../askedFor.ts';
import type { OpenBackups } from '../openBackups.ts';
import type { Uploads } from '../uploads.ts';

export interface CommandContext {
  readonly backups: OpenBackups;
  readonly staged: Uploads;
  /**
   * Uniqueids of mailboxes that the master was asked, since the last RESTART, to send again as a
   * whole.
   */
  readonly resending: Set<string>;
  /**
   * GUIDs that we reported to this session as missing, and users whose missing messages were asked
   * for again.
   */
  readonly asked: AskedFor;
  /** The largest total size of an item, such as a script. */
  readonly keptBytes: number;
  /** Call between two steps of about a millisecond. */
  readonly turn: Turn;
  /** Unix seconds: the time written to the log's lines. */
  now(): number;
  /** Sends an untagged line, in latin1. Waits if the peer does not read. */
  send(text: string): Promise<void>;
  warn(message: string): void;
}

/**
 * Answers with untagged lines. The session sends the tagged one. Throws a BackupError to refuse.
 */
export type Command = (context: CommandContext, value: Dlist) => Promise<void>;
