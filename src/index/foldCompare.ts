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
import { livingUidsAfter } from './pageQueries.ts';
import { initialAnnotCrc, initialRecordCrc } from '../protocol/crc.ts';

const UIDS_A_STEP = 2048;
const EXPUNGED_A_STEP = 64;

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

/** A MAILBOX line's own words, beside its records. */
export interface Claim {
  /** null where it carries no CRCs, as an intermediate mailbox and a batch do (there SYNC_CRC is a dummy zero, SYNC_CRC_ANNOT absent). */
  readonly sent: SentCrcs | null;
  /** What the line before said. */
  readonly sentBefore: SentCrcs | null;
  /** It lists all there is, and not what changed since something. Masters of 3.0 do not say. */
  readonly isFull: boolean;
}

/** `held`: of what we hold with the line folded. */
export function* compareWithSent(
  context: FoldContext,
  mailbox: { readonly id: number; readonly resend: number },
  claim: Claim,
  held: Crcs,
  listing: Listing,
): Generator<void, Comparison, void> {
  const { sent } = claim;
  if (sent === null) return { crcs: held, resend: mailbox.resend };
  // To masters a zero is a checksum that is not known (mailbox_crceq): both are zero in a mailbox of an older version.
  // Zero beside `initialAnnotCrc` is an empty mailbox.
  const isUnknown = sent.crc === 0 && sent.crcAnnot === 0;
  if (isUnknown && held.crc !== 0) return { crcs: held, resend: resend.none };
  if (isSameAsSent(sent, held)) return { crcs: held, resend: resend.none };
  const unlisted = yield* unlistedUids(context, mailbox.id, listing);
  // Of annotations the master may be wrong about its own: when a user is renamed, it carries a CRC along that it makes anew only when
  // it finds it to differ from ours.
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
    resend: isSettled ? resend.none : nextResend(mailbox.resend, claim, true),
  };
}

/** Living records that the line does not list. */
function* unlistedUids(
  { index }: FoldContext,
  mailboxId: number,
  listing: Listing,
): Generator<void, number[], void> {
  const unlisted: number[] = [];
  for (let after = -1; ;) {
    const uids = livingUidsAfter(index, mailboxId, after, UIDS_A_STEP);
    for (const uid of uids) if (!listing.has(uid)) unlisted.push(uid);
    if (uids.length < UIDS_A_STEP) return unlisted;
    after = uids[uids.length - 1]!;
    yield;
  }
}

/** What a difference leads to that nothing explains. `isAll`: the line lists all that we hold. */
function nextResend(now: number, { sent, sentBefore, isFull }: Claim, isAll: boolean): number {
  const isSameClaim = sent?.crc === sentBefore?.crc && sent?.crcAnnot === sentBefore?.crcAnnot;
  if (now === resend.futile && isSameClaim) return resend.futile;
  return isFull && (isAll || now === resend.wanted) ? resend.futile : resend.wanted;
}
