/**
 * The types that the index's queries return and its fold takes. Byte strings are held as latin1
 * strings. Times are in unix seconds.
 */
import type { Crcs } from './queries/crcs.ts';
import type { Dlist } from '../protocol/dlist.ts';

/** A line of the log, as it is passed to the fold. */
export interface FoldLine {
  readonly time: number;
  /** The command's name: MAILBOX, MESSAGE, SEEN, ... */
  readonly name: string;
  readonly value: Dlist;
}

/** `open`: the writer may append to the chunk, which has no trailer yet. */
export type ChunkState = 'open' | 'whole' | 'damaged';

export interface Chunk {
  readonly id: number;
  readonly tsStart: number;
  readonly tsEnd: number;
  /** Where the gzip member starts in the data file. */
  readonly offset: number;
  /** Bytes after decompression. */
  readonly length: number;
  /** Offset in the data file up to which the chunk has been committed. */
  readonly fileEnd: number;
  readonly crc32: number;
  readonly memberSha1: string;
  readonly fileSha1: string;
  readonly state: ChunkState;
}

export interface Mailbox {
  readonly id: number;
  readonly uniqueid: string;
  /** The mailbox's internal name, for example user.anne.Archive.2024. */
  readonly name: string;
  readonly uidvalidity: number;
  readonly lastUid: number;
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

/**
 * Whether the master must send all records of a mailbox again:
 *
 * - none: the mailbox equals the master's, judging by its CRCs.
 * - wanted: the master must send all records.
 * - futile: the master has sent all records, and the CRCs still differ, because the master computes
 *   them in a way unknown here.
 */
export type Resend = 'none' | 'wanted' | 'futile';

/** A mailbox as it is now, with values that are computed from its records. */
export interface LiveMailbox extends Mailbox, Crcs {
  readonly sentCrc: number | null;
  readonly sentCrcAnnot: number | null;
  readonly resend: Resend;
  /**
   * All living records below this UID have their messages. null: no record lacks its message. See
   * queries/missing.ts.
   */
  readonly missingFrom: number | null;
  /** When the mailbox or one of its records last changed. */
  readonly changed: number;
}

export interface MessageRecord {
  readonly mailboxId: number;
  readonly uid: number;
  readonly modseq: string;
  readonly lastUpdated: number;
  readonly internaldate: number;
  /** Size of the message in bytes. */
  readonly size: number;
  readonly messageId: number;
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
  readonly chunkId: number | null;
  readonly offset: number | null;
}

export type ItemKind = 'seen' | 'sub' | 'sieve' | 'active' | 'quota' | 'annotation';

export interface Item {
  readonly kind: ItemKind;
  readonly key: string;
  readonly value: string;
  readonly since: number;
}
