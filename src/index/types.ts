/**
 * The types that the index's queries return and its fold takes. Byte strings are held as latin1
 * strings. Times are in unix seconds.
 */
import type { Dlist } from '../protocol/dlist.ts';

/** A line of the log, as it is passed to the fold. */
export interface FoldLine {
  readonly time: number;
  /** The command's name: MAILBOX, MESSAGE, SEEN, ... */
  readonly name: string;
  readonly value: Dlist;
}

export interface Chunk {
  readonly id: number;
  readonly ts_start: number;
  readonly ts_end: number;
  /** Where the gzip member starts in the data file. */
  readonly offset: number;
  /** Bytes after decompression. */
  readonly length: number;
  /** Offset in the data file up to which the chunk has been committed. */
  readonly file_end: number;
  readonly crc32: number;
  readonly member_sha1: string;
  readonly file_sha1: string;
  readonly closed: number;
}

export interface Mailbox {
  readonly id: number;
  readonly uniqueid: string;
  /** The mailbox's internal name, for example user.anne.Archive.2024. */
  readonly name: string;
  readonly uidvalidity: number;
  readonly last_uid: number;
  /** A decimal string, because a modseq may exceed 2^53. */
  readonly highestmodseq: string;
  /** When the mailbox was deleted; null while it exists. */
  readonly deleted: number | null;
  /**
   * All keys of the MAILBOX line except RECORD and SINCE_*, as printed in the log: `key SP value`,
   * separated by spaces.
   */
  readonly state: string;
  readonly since: number;
}

/** A mailbox as it is now, with values that are computed from its records. */
export interface LiveMailbox extends Mailbox {
  readonly crc: number;
  readonly crc_annot: number;
  readonly crc_padding: number;
  readonly sent_crc: number | null;
  readonly sent_crc_annot: number | null;
  /** Whether the master must resend the whole mailbox: a value of `resend` in fold/compare.ts. */
  readonly resend: number;
  /**
   * All living records below this UID have their messages. null: no record lacks its message. See
   * queries/missing.ts.
   */
  readonly missing_from: number | null;
  /** When the mailbox or one of its records last changed. */
  readonly changed: number;
}

export interface MessageRecord {
  readonly mailbox_id: number;
  readonly uid: number;
  readonly modseq: string;
  readonly last_updated: number;
  readonly internaldate: number;
  /** Size of the message in bytes. */
  readonly size: number;
  readonly message_id: number;
  /** The flags except \Expunged, separated by spaces. */
  readonly flags: string;
  /** The ANNOTATIONS list as printed in the log; null if there is none. */
  readonly annotations: string | null;
  /** The keys of the RECORD that have no column here, as printed in the log. */
  readonly extra: string | null;
  readonly expunged: number | null;
  readonly since: number;
}

/** Where the bytes of a message are stored. */
export interface StoredMessage {
  readonly id: number;
  readonly guid: string;
  readonly size: number;
  /** null: a record names the message, but the backup does not hold its bytes. */
  readonly chunk_id: number | null;
  readonly offset: number | null;
}

export type ItemKind = 'seen' | 'sub' | 'sieve' | 'active' | 'quota' | 'annotation';

export interface Item {
  readonly kind: ItemKind;
  readonly key: string;
  readonly value: string;
  readonly since: number;
}
