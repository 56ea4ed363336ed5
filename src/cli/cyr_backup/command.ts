/** Shared by the commands of cyr_backup: their arguments, and how they find the named objects. */
import type { BackupReader } from '../../backup/reader.ts';
import type { Config } from '../../config/imapdConf.ts';
import {
  allMailboxes,
  mailboxByName,
  mailboxByUniqueid,
  mailboxesAt,
} from '../../index/queries/mailboxes.ts';
import { recordsOf } from '../../index/queries/records.ts';
import type { RecordWithGuid } from '../../index/queries/records.ts';
import type { Mailbox } from '../../index/types.ts';
import { NO_SUCH_THING } from '../common/exitCodes.ts';
import { internalOf } from '../common/select.ts';
import { bytesOf } from '../common/text.ts';
import type { CliIo } from '../common/io.ts';

export interface Look {
  /** The backup's reader. Its snapshot does not change while the command runs. */
  readonly reader: BackupReader;
  readonly config: Config;
  readonly io: CliIo;
  /** The arguments after the command. */
  readonly names: readonly string[];
  /** The time to show, in unix seconds; null shows the present state. */
  readonly at: number | null;
}

/** Something that a command could not show. */
export interface Lack {
  readonly exitCode: number;
  readonly text: string;
}

export function notThere(what: string, name: string): Lack {
  return { exitCode: NO_SUCH_THING, text: `no ${what} ${name}` };
}

/** Runs a command. Returns what it could not show. */
export type InspectCommand = (look: Look) => readonly Lack[];

/**
 * Returns all mailboxes, including deleted ones, sorted by ID. With a time, returns the mailboxes
 * that existed at that time, sorted by name.
 */
export function mailboxesOf({ reader, at }: Look): Iterable<Mailbox> {
  return at === null ? allMailboxes(reader.index) : mailboxesAt(reader.index, at);
}

/**
 * Finds a mailbox by uniqueid, or by its name as an administrator writes it. Finds a deleted
 * mailbox only if no living mailbox has the name.
 */
export function mailboxNamed(look: Look, name: string): Mailbox | undefined {
  const { reader, config, at } = look;
  const bytes = bytesOf(name);
  const internal = internalOf(name, config);
  if (at === null) {
    const living = mailboxByUniqueid(reader.index, bytes) ?? mailboxByName(reader.index, internal);
    if (living !== undefined) return living;
  }
  const all = [...mailboxesOf(look)];
  return (
    all.find((mailbox) => mailbox.uniqueid === bytes) ?? all.findLast((mailbox) => mailbox.name === internal)
  );
}

/** Yields all records of a mailbox by UID, including expunged ones. */
export function recordsIn({ reader, at }: Look, mailbox: Mailbox): Generator<RecordWithGuid> {
  return recordsOf(reader.index, mailbox.id, at);
}
