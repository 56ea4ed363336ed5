/**
 * Whether a mailbox is, behind a MAILBOX line, what the master says it is: the CRCs of the records held here against
 * those that the line carries.
 *
 * A replica that finds a difference makes Cyrus merge both sides (imap/sync_support.c, mailbox_full_update), and a backup
 * must never change its master. So a difference is settled here, from what the master itself has said:
 * either the line lists just the records that make its CRCs, then the others are gone on the master (expunged and
 * cleaned up while it could not reach us), or all of the mailbox is asked for once more.
 */
import type { FoldContext } from './fold.ts';
import { expungeRecord } from './foldRecord.ts';
import type { Crcs, FoldedRecord } from './foldRecord.ts';
import { livingUids } from './queries.ts';
import { initialAnnotCrc, initialRecordCrc } from '../protocol/crc.ts';

/** A mailbox's `resend`. */
export const resend = {
  /** It is what the master has, as far as we can tell. */
  none: 0,
  /** The master is to send all of its records. */
  wanted: 1,
  /** It has sent them all, and its CRCs still are not ours: they are made in a way that we do not know. */
  futile: 2,
} as const;

/** The living records of one MAILBOX line. */
export class Listing {
  readonly #uids = new Set<number>();
  #crc = initialRecordCrc;
  #crcAnnot = initialAnnotCrc;

  add({ uid, isLiving, adds }: FoldedRecord): void {
    if (!isLiving) return;
    this.#uids.add(uid);
    this.#crc ^= adds.crc;
    this.#crcAnnot ^= adds.crcAnnot;
  }

  has(uid: number): boolean {
    return this.#uids.has(uid);
  }

  get crcs(): Crcs {
    return { crc: this.#crc >>> 0, crcAnnot: this.#crcAnnot >>> 0 };
  }
}

export interface Comparison {
  readonly crcs: Crcs;
  readonly resend: number;
}

/**
 * `sent`: what the line carried, null where it carried no CRCs, as an intermediate mailbox and a batch do (there
 * SYNC_CRC is a dummy zero and SYNC_CRC_ANNOT absent). `held`: of what we hold with the line folded.
 */
export function compareWithSent(
  context: FoldContext,
  mailbox: { readonly id: number; readonly resend: number },
  sent: Crcs | null,
  held: Crcs,
  listing: Listing,
): Comparison {
  if (sent === null) return { crcs: held, resend: mailbox.resend };
  // To masters a zero is a checksum that is not known (mailbox_crceq): a mailbox of an older version, or an empty one.
  if (sent.crc === 0 && held.crc !== 0) return { crcs: held, resend: resend.none };
  if (isSame(sent, held)) return { crcs: held, resend: resend.none };
  const unlisted = livingUids(context.index, mailbox.id).filter((uid) => !listing.has(uid));
  if (isSame(sent, listing.crcs)) {
    for (const uid of unlisted) expungeRecord(context, mailbox.id, uid);
    return { crcs: listing.crcs, resend: resend.none };
  }
  const isFutile = mailbox.resend === resend.futile || unlisted.length === 0;
  return { crcs: held, resend: isFutile ? resend.futile : resend.wanted };
}

function isSame(sent: Crcs, ours: Crcs): boolean {
  return sent.crc === ours.crc && inBaseOf(sent.crcAnnot, ours.crcAnnot) === sent.crcAnnot;
}

/**
 * Our CRC of annotations as the master counts it: Cyrus 3.0 starts from 0, later ones from `initialAnnotCrc` (imap/mailbox.c,
 * mailbox_synccrcs, CRC_INIT_ANNOT).
 */
export function inBaseOf(sentAnnot: number | null, crcAnnot: number): number {
  const fromZero = (crcAnnot ^ initialAnnotCrc) >>> 0;
  return sentAnnot === fromZero ? fromZero : crcAnnot;
}
