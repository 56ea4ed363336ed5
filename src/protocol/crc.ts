/**
 * The checksums by which a master and its replica verify that a mailbox is the same on both sides.
 * SYNC_CRC covers the living records, SYNC_CRC_ANNOT their annotations (cyrus-imapd imap/mailbox.c:
 * crc_basic, crc_annot, crc_virtannot).
 *
 * Both are XORs of one CRC-32 per record or annotation, so they do not depend on order. They can be
 * updated as records change: XOR the old value out and the new one in. Masters also count some
 * values that are not stored annotations (thrid, savedate, createdmodseq). These arrive with a
 * record as ordinary annotations, and the same formula covers them.
 */
import { crc32 as zlibCrc32 } from 'node:zlib';

/** SYNC_CRC of a mailbox without records. */
export const initialRecordCrc = 0;
/** SYNC_CRC_ANNOT of a mailbox without annotations on its records. */
export const initialAnnotCrc = 12345678;

export interface CrcRecord {
  readonly uid: number;
  readonly modseq: number | bigint;
  /** Unix seconds. */
  readonly lastUpdated: number;
  /** Names with their backslash, such as `\Seen`. An expunged record counts for nothing. */
  readonly flags: readonly string[];
  /** Unix seconds. */
  readonly internaldate: number;
  readonly guid: string;
}

export interface CrcAnnotation {
  readonly entry: string;
  /**
   * Empty for a shared annotation. Null for one without an owner, which counts for nothing unless
   * it is a thrid.
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

/** Lowers ASCII letters only, as C does in its own locale. */
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

/** Returns a record's share of SYNC_CRC, as an unsigned 32-bit number. */
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
 * A conversation's id is sent with leading zeros (dlist_sethex64). Cyrus counts it without them,
 * but with them from 3.13.1 on (crc_virtannot). Cyrus 3.0 sends it without an owner and counts it
 * as shared.
 */
const THRID = '/vendor/cmu/cyrus-imapd/thrid';

/**
 * Returns the share of one annotation of a living record in SYNC_CRC_ANNOT. An empty value means
 * that the annotation was removed.
 */
export function annotCrc(uid: number, annotation: CrcAnnotation): number {
  const { entry, userid, value } = annotation;
  if (value === null || value === '') return 0;
  if (isThrid(annotation)) return thridCrc(uid, value.replace(/^0+/, ''));
  return userid === null ? 0 : crc32(`${uid} ${entry} ${userid} ${value}`);
}

/** Returns what to XOR into `annotCrc` where leading zeros are counted. */
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

/** Returns the share of all annotations of a living record in SYNC_CRC_ANNOT. */
export function annotsCrc(uid: number, annotations: readonly CrcAnnotation[]): number {
  let crc = 0;
  for (const annotation of annotations) crc ^= annotCrc(uid, annotation);
  return crc >>> 0;
}

/**
 * Returns what to XOR into `annotsCrc` for a master that counts a thrid with its leading zeros.
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
