/** A mailbox's checksums as they are kept here, and as its master counts them. */
import { initialAnnotCrc } from '../../protocol/crc.ts';

/** Of a mailbox, or what a record adds to them: each is an XOR over records. */
export interface Crcs {
  readonly crc: number;
  readonly crcAnnot: number;
  /** What crcAnnot differs by for a master that counts conversations' ids with their leading zeros. */
  readonly crcPadding: number;
}

export const noCrcs: Crcs = { crc: 0, crcAnnot: 0, crcPadding: 0 };

/** What a MAILBOX line carries. */
export type SentCrcs = Omit<Crcs, 'crcPadding'>;

/** With the other's records added, or taken out: XOR is its own inverse. */
export function withCrcs(one: Crcs, other: Crcs): Crcs {
  return {
    crc: (one.crc ^ other.crc) >>> 0,
    crcAnnot: (one.crcAnnot ^ other.crcAnnot) >>> 0,
    crcPadding: (one.crcPadding ^ other.crcPadding) >>> 0,
  };
}

/**
 * Our CRC of annotations in the form in which the master sent its own, where it is one of those that we know, else in that of
 * Cyrus 3.2 to 3.12 (imap/mailbox.c, mailbox_synccrcs, crc_virtannot): 3.0 starts from 0, and 3.13.1 and later count leading zeros.
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
