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
import { isSameAsSent, noCrcs, withCrcs, type Crcs, type SentCrcs } from './crcs.ts';
import { expungeRecord } from './foldRecord.ts';
import type { FoldedRecord } from './foldRecord.ts';
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
  #crcs: Crcs = { ...noCrcs, crc: initialRecordCrc, crcAnnot: initialAnnotCrc };

  add({ uid, isLiving, adds }: FoldedRecord): void {
    if (!isLiving) return;
    this.#uids.add(uid);
    this.#crcs = withCrcs(this.#crcs, adds);
  }

  has(uid: number): boolean {
    return this.#uids.has(uid);
  }

  get crcs(): Crcs {
    return this.#crcs;
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
  sent: SentCrcs | null,
  held: Crcs,
  listing: Listing,
): Comparison {
  if (sent === null) return { crcs: held, resend: mailbox.resend };
  // To masters a zero is a checksum that is not known (mailbox_crceq): both are zero in a mailbox of an older version.
  // Zero beside `initialAnnotCrc` is an empty mailbox.
  const isUnknown = sent.crc === 0 && sent.crcAnnot === 0;
  if (isUnknown && held.crc !== 0) return { crcs: held, resend: resend.none };
  if (isSameAsSent(sent, held)) return { crcs: held, resend: resend.none };
  const unlisted = livingUids(context.index, mailbox.id).filter((uid) => !listing.has(uid));
  if (isSameAsSent(sent, listing.crcs)) {
    for (const uid of unlisted) expungeRecord(context, mailbox.id, uid);
    return { crcs: listing.crcs, resend: resend.none };
  }
  const isFutile = mailbox.resend === resend.futile || unlisted.length === 0;
  return { crcs: held, resend: isFutile ? resend.futile : resend.wanted };
}
