/**
 * The checksums by which a master and its replica verify that a mailbox is the same on both sides.
 * SYNC_CRC covers the records that are not expunged. SYNC_CRC_ANNOT covers their annotations
 * (cyrus-imapd imap/mailbox.c: crc_basic, crc_annot, crc_virtannot).
 *
 * Each checksum is the XOR of one CRC-32 per record or annotation, so the order does not matter. To
 * update a checksum when a record changes, XOR the old value out and the new one in. Masters also
 * count some values that are not stored annotations (thrid, savedate, createdmodseq). These arrive
 * with a record as ordinary annotations, and the same formula covers them.
 */
import { crc32 as zlibCrc32 } from 'node:zlib';

/** The SYNC_CRC of a mailbox without records. */
export const initialRecordCrc = 0;
/** The SYNC_CRC_ANNOT of a mailbox without annotations on its records. */
export const initialAnnotCrc = 12345678;

export interface CrcRecord {
  readonly uid: number;
  readonly modseq: number | bigint;
  /** Unix seconds. */
  readonly lastUpdated: number;
  /**
   * Flag names with their backslash, such as `\Seen`. An expunged record does not count in the
   * checksum.
   */
  readonly flags: readonly string[];
  /** Unix seconds. */
  readonly internaldate: number;
  readonly guid: string;
}

export interface CrcAnnotation {
  readonly entry: string;
  /**
   * The annotation's owner. Empty for a shared annotation. Null if there is no owner: the
   * annotation then does not count, unless it is a thrid.
   */
  readonly userid: string | null;
  readonly value: string | null;
}

/** \Recent belongs to a session and \Expunged is a state: Cyrus stores neither as a flag. */
const uncounted: ReadonlySet<string> = new Set(['\\recent', '\\expunged']);

const flagCrcs = new Map<string, number>();

function crc32(text: string): number {
  return zlibCrc32(Buffer.from(text, 'latin1'));
}

/** Converts ASCII letters only to lower case, as C does in the C locale. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function flagCrc(name: string): number {
  const known = flagCrcs.get(name);
  if (known !== undefined) return known;
  const lower = lowerCase(name);
  const crc = uncounted.has(lower) ? 0 : crc32(lower);
  if (flagCrcs.size < 1024) flagCrcs.set(name, crc);
  return crc;
}

/** Returns the CRC-32 that a record contributes to SYNC_CRC, as an unsigned number. */
export function recordCrc(record: CrcRecord): number {
  let flags = 0;
  for (const name of record.flags) {
    if (name === '\\Expunged') return 0;
    flags ^= flagCrc(name);
  }
  const { uid, modseq, lastUpdated, internaldate, guid } = record;
  return crc32(`${uid} ${modseq} ${lastUpdated} (${flags >>> 0}) ${internaldate} ${guid}`);
}

/**
 * The annotation that holds a conversation's id. It is sent with leading zeros (dlist_sethex64). Up
 * to Cyrus 3.13.0 the checksum covers the id without them, and from 3.13.1 on with them
 * (crc_virtannot). Cyrus 3.0 sends the annotation without an owner and counts it as shared.
 */
const THRID = '/vendor/cmu/cyrus-imapd/thrid';

/**
 * Returns the CRC-32 that one annotation contributes to SYNC_CRC_ANNOT, if its record is not
 * expunged. An empty value means that the annotation was removed.
 */
export function annotCrc(uid: number, annotation: CrcAnnotation): number {
  const { entry, userid, value } = annotation;
  if (value === null || value === '') return 0;
  if (isThrid(annotation)) return thridCrc(uid, value.replace(/^0+/, ''));
  return userid === null ? 0 : crc32(`${uid} ${entry} ${userid} ${value}`);
}

/** Returns the value to XOR into `annotCrc` for a master that counts leading zeros. */
function paddingCrc(uid: number, annotation: CrcAnnotation): number {
  const { value } = annotation;
  if (!isThrid(annotation) || value === null || !value.startsWith('0')) return 0;
  return thridCrc(uid, value) ^ annotCrc(uid, annotation);
}

function isThrid({ entry, userid }: CrcAnnotation): boolean {
  return entry === THRID && (userid ?? '') === '';
}

function thridCrc(uid: number, counted: string): number {
  return crc32(`${uid} ${THRID}  ${counted}`);
}

/**
 * Returns the XOR of what all annotations of a record contribute to SYNC_CRC_ANNOT, if the record
 * is not expunged.
 */
export function annotsCrc(uid: number, annotations: readonly CrcAnnotation[]): number {
  let crc = 0;
  for (const annotation of annotations) crc ^= annotCrc(uid, annotation);
  return crc >>> 0;
}

/**
 * Returns the value to XOR into `annotsCrc` for a master that counts a thrid with its leading
 * zeros.
 */
export function paddingsCrc(uid: number, annotations: readonly CrcAnnotation[]): number {
  let crc = 0;
  for (const annotation of annotations) crc ^= paddingCrc(uid, annotation);
  return crc >>> 0;
}

/** Returns the XOR of two checksums, as an unsigned 32-bit number. */
export function combineCrc(one: number, other: number): number {
  return (one ^ other) >>> 0;
}
