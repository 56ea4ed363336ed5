/**
 * Handles the CRCs of a mailbox: in the form stored in the index, and in the form that the master
 * computes.
 */
import { initialAnnotCrc } from '../../protocol/crc.ts';

/**
 * The CRCs of a mailbox, or what one record contributes to them. Each CRC is an XOR over all living
 * records.
 */
export interface Crcs {
  readonly crc: number;
  readonly crcAnnot: number;
  /**
   * The difference in crcAnnot for a master that includes the leading zeros of conversation ids.
   */
  readonly crcPadding: number;
}

export const noCrcs: Crcs = { crc: 0, crcAnnot: 0, crcPadding: 0 };

/** The CRCs that a MAILBOX line carries. */
export type SentCrcs = Omit<Crcs, 'crcPadding'>;

/** Adds the CRCs of other records, or removes them again, because XOR is its own inverse. */
export function withCrcs(one: Crcs, other: Crcs): Crcs {
  return {
    crc: (one.crc ^ other.crc) >>> 0,
    crcAnnot: (one.crcAnnot ^ other.crcAnnot) >>> 0,
    crcPadding: (one.crcPadding ^ other.crcPadding) >>> 0,
  };
}

/**
 * Returns the index's CRC of annotations in the form that the master uses. If the master's value
 * matches no known form, returns the form of Cyrus 3.2 to 3.12 (imap/mailbox.c, mailbox_synccrcs,
 * crc_virtannot). Cyrus 3.0 starts from 0; Cyrus 3.13.1 and later count leading zeros.
 */
export function annotAsCounted(
  sentAnnot: number | null,
  { crcAnnot, crcPadding }: Omit<Crcs, 'crc'>,
): number {
  const others = [crcAnnot ^ initialAnnotCrc, crcAnnot ^ crcPadding].map((crc) => crc >>> 0);
  return others.find((crc) => crc === sentAnnot) ?? crcAnnot;
}

export function isSameAsSent(sent: SentCrcs, ours: Crcs): boolean {
  return sent.crc === ours.crc && annotAsCounted(sent.crcAnnot, ours) === sent.crcAnnot;
}
