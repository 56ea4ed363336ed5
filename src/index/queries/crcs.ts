/**
 * Handles the CRCs of a mailbox: in the form stored in the index, and in the form that the master
 * computes.
 */
import { annotsCrc, initialAnnotCrc, paddingsCrc, recordCrc } from '../../protocol/crc.ts';
import type { CrcAnnotation } from '../../protocol/crc.ts';
import { getString, optionalString, toKeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import type { RecordWithGuid } from './records.ts';

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

/** Parses an annotation, %(ENTRY USERID MODSEQ VALUE). */
export function crcAnnotation(item: Dlist): CrcAnnotation {
  const kv = toKeyValues(item, 'ANNOTATIONS');
  const value = kv.get('VALUE') ?? null;
  return {
    entry: getString(kv, 'ENTRY'),
    userid: optionalString(kv, 'USERID') ?? null,
    value: typeof value === 'string' ? value : null,
  };
}

/**
 * Computes what a record contributes from its columns. The index's own `crc` columns hold the same,
 * unless the index is damaged.
 */
export function crcsOfRecord(record: RecordWithGuid): Crcs {
  if (record.expunged !== null) return noCrcs;
  const { uid, lastUpdated, internaldate, guid, annotations } = record;
  const flags = record.flags === '' ? [] : record.flags.split(' ');
  const list = annotations === null ? [] : parseDlist(annotations);
  const counted = Array.isArray(list) ? list.map(crcAnnotation) : [];
  return {
    crc: recordCrc({ uid, modseq: BigInt(record.modseq), lastUpdated, flags, internaldate, guid }),
    crcAnnot: annotsCrc(uid, counted),
    crcPadding: paddingsCrc(uid, counted),
  };
}
