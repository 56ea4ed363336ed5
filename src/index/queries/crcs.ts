/** A mailbox's checksums as stored here, and as its master computes them. */
import { initialAnnotCrc } from '../../protocol/crc.ts';

/** The checksums of a mailbox, or a record's contribution to them: each is an XOR over records. */
export interface Crcs {
  readonly crc: number;
  readonly crcAnnot: number;
  /**
   * The difference in crcAnnot for a master that includes the leading zeros of conversation ids.
   */
  readonly crcPadding: number;
}

export const noCrcs: Crcs = { crc: 0, crcAnnot: 0, crcPadding: 0 };

/** The checksums that a MAILBOX line carries. */
export type SentCrcs = Omit<Crcs, 'crcPadding'>;

/** Adds or removes the contribution of other records: XOR is its own inverse. */
export function withCrcs(one: Crcs, other: Crcs): Crcs {
  return {
    crc: (one.crc ^ other.crc) >>> 0,
    crcAnnot: (one.crcAnnot ^ other.crcAnnot) >>> 0,
    crcPadding: (one.crcPadding ^ other.crcPadding) >>> 0,
  };
}

/**
 * Returns our CRC of annotations in the form that the master uses. If the master's value matches no
 * known form, returns that of Cyrus 3.2 to 3.12 (imap/mailbox.c, mailbox_synccrcs, crc_virtannot).
 * 3.0 starts from 0; 3.13.1 and later count leading zeros.
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
