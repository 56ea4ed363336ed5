/**
 * The types that the index's queries return and its fold takes. Byte strings are latin1 strings;
 * times are in unix seconds.
 */
import type { Dlist } from '../protocol/dlist.ts';

/** A line of the log as the fold sees it. */
export interface FoldLine {
  readonly time: number;
  /** MAILBOX, MESSAGE, SEEN, ... */
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
  /** The end in the data file of what has been committed. */
  readonly file_end: number;
  readonly crc32: number;
  readonly member_sha1: string;
  readonly file_sha1: string;
  readonly closed: number;
}

export interface Mailbox {
  readonly id: number;
  readonly uniqueid: string;
  /** Internal form: user.anne.Archive.2024 */
  readonly name: string;
  readonly uidvalidity: number;
  readonly last_uid: number;
  /** Decimal: a modseq may pass 2^53. */
  readonly highestmodseq: string;
  /** When it was deleted; null while it lives. */
  readonly deleted: number | null;
  /**
   * The printed keys of the MAILBOX line except RECORD and SINCE_*: `key SP value`, separated by
   * SP.
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
   * No living record below this UID lacks its message. null: no record lacks its message. See
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
  /** Flags without \Expunged, separated by SP. */
  readonly flags: string;
  /** The printed ANNOTATIONS list; null if there is none. */
  readonly annotations: string | null;
  /** Keys without a column, as printed. */
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
