/**
 * Checks after each MAILBOX line whether the backup's copy of the mailbox equals the master's. The
 * check compares the CRCs of the records in the index with the CRCs in the line.
 *
 * If a replica reports a difference, Cyrus merges both sides (imap/sync_support.c,
 * mailbox_full_update), but a backup must never change its master. So the fold resolves a
 * difference from what the master itself has sent:
 *
 * - If the records listed in the line have the line's CRCs, the master no longer has any other
 *   record. The others were expunged and cleaned up while the master could not reach this server.
 * - Otherwise, the master is asked to send the whole mailbox again.
 */
import type { FoldContext } from './fold.ts';
import { isSameAsSent, noCrcs, withCrcs, type Crcs, type SentCrcs } from '../queries/crcs.ts';
import { expungeRecord } from './record.ts';
import type { FoldedRecord } from './record.ts';
import type { Resend } from '../types.ts';
import { uidsPage } from '../queries/records.ts';
import { initialAnnotCrc, initialRecordCrc } from '../../protocol/crc.ts';

const UIDS_A_STEP = 2048;
const EXPUNGED_A_STEP = 64;

/** The living records listed in one MAILBOX line. */
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
  readonly resend: Resend;
}

/** What a MAILBOX line says about the mailbox as a whole. */
export interface Claim {
  /**
   * The CRCs in the line. null if there are none, as for an intermediate mailbox and for a batch.
   * (A batch has a dummy zero in SYNC_CRC and no SYNC_CRC_ANNOT.)
   */
  readonly sent: SentCrcs | null;
  /** The CRCs in the mailbox's previous MAILBOX line. */
  readonly sentBefore: SentCrcs | null;
  /**
   * Whether the line lists all records, not only those changed since some modseq. Masters of
   * version 3.0 never send that modseq, so their lines count as full.
   */
  readonly isFull: boolean;
}

/** Compares the line with `held`, the CRCs of the records held here after the line was folded. */
export function* compareWithSent(
  context: FoldContext,
  mailbox: { readonly id: number; readonly resend: Resend },
  claim: Claim,
  held: Crcs,
  listing: Listing,
): Generator<void, Comparison, void> {
  const { sent } = claim;
  if (sent === null) return { crcs: held, resend: mailbox.resend };
  // For masters, zero means an unknown checksum (mailbox_crceq). A mailbox of an older format
  // version has zero in both CRCs. An empty mailbox has zero and `initialAnnotCrc`.
  const isUnknown = sent.crc === 0 && sent.crcAnnot === 0;
  if (isUnknown && held.crc !== 0) return { crcs: held, resend: 'none' };
  if (isSameAsSent(sent, held)) return { crcs: held, resend: 'none' };
  const unlisted = yield* unlistedUids(context, mailbox.id, listing);
  // The record CRC alone is enough: the master's own CRC of annotations may be wrong. A rename of a
  // user keeps the old CRC, and the master recomputes it only when it differs from this server's
  // CRC.
  const isListed = sent.crc !== 0 && sent.crc === listing.crcs.crc;
  if (!isListed && !isSameAsSent(sent, listing.crcs)) {
    return { crcs: held, resend: nextResend(mailbox.resend, claim, unlisted.length === 0) };
  }
  for (const [count, uid] of unlisted.entries()) {
    expungeRecord(context, mailbox.id, uid);
    if (count % EXPUNGED_A_STEP === EXPUNGED_A_STEP - 1) yield;
  }
  const isSettled = isSameAsSent(sent, listing.crcs);
  return {
    crcs: listing.crcs,
    resend: isSettled ? 'none' : nextResend(mailbox.resend, claim, true),
  };
}

/** Returns the living records that the line does not list. */
function* unlistedUids(
  { index }: FoldContext,
  mailboxId: number,
  listing: Listing,
): Generator<void, number[], void> {
  const unlisted: number[] = [];
  const range = { mailboxId, time: null, shown: 'living', limit: UIDS_A_STEP } as const;
  for (let afterUid = -1; ;) {
    const uids = uidsPage(index, { ...range, afterUid });
    for (const uid of uids) if (!listing.has(uid)) unlisted.push(uid);
    if (uids.length < UIDS_A_STEP) return unlisted;
    afterUid = uids[uids.length - 1]!;
    yield;
  }
}

/**
 * Returns the new `resend` value when the CRCs differ and nothing explains why. `isAll` says that
 * the line lists all records in the index.
 */
function nextResend(now: Resend, { sent, sentBefore, isFull }: Claim, isAll: boolean): Resend {
  const isSameClaim = sent?.crc === sentBefore?.crc && sent?.crcAnnot === sentBefore?.crcAnnot;
  if (now === 'futile' && isSameClaim) return 'futile';
  return isFull && (isAll || now === 'wanted') ? 'futile' : 'wanted';
}
