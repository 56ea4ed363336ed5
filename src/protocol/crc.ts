/**
 * The checksums by which a master and its replica know that a mailbox is the same on both sides: SYNC_CRC over living
 * records, SYNC_CRC_ANNOT over their annotations (cyrus-imapd imap/mailbox.c: crc_basic, crc_annot, crc_virtannot).
 *
 * Both are XORs of one CRC-32 a record or annotation, so they do not depend on order and can be kept up as records change:
 * XOR the old value out and the new one in. What masters count beside stored annotations (thrid, savedate,
 * createdmodseq) comes with a record as ordinary annotations, and is counted by the same formula.
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
  /** Names with their backslash, such as `\Seen`; an expunged record counts for nothing. */
  readonly flags: readonly string[];
  /** Unix seconds. */
  readonly internaldate: number;
  readonly guid: string;
}

export interface CrcAnnotation {
  readonly entry: string;
  /** Empty for a shared annotation; null for one that belongs to nobody, which counts for nothing, but for a thrid. */
  readonly userid: string | null;
  readonly value: string | null;
}

/** \Recent belongs to a session and \Expunged is a state; neither is a flag of the original's. */
const uncounted: ReadonlySet<string> = new Set(['\\recent', '\\expunged']);

const flagCrcs = new Map<string, number>();

function crc32(text: string): number {
  return zlibCrc32(Buffer.from(text, 'latin1'));
}

/** Lower case for ASCII only, as C does in its own locale. */
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

/** What a record adds to SYNC_CRC, as an unsigned 32-bit number. */
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
 * A conversation's id goes over the wire with leading zeros (dlist_sethex64). It is counted without them, and from Cyrus
 * 3.13.1 on with them (crc_virtannot). Cyrus 3.0 sends it as nobody's, and counts it as a shared one.
 */
const THRID = '/vendor/cmu/cyrus-imapd/thrid';

/** What one annotation of a living record adds to SYNC_CRC_ANNOT. An empty value is an annotation removed. */
export function annotCrc(uid: number, annotation: CrcAnnotation): number {
  const { entry, userid, value } = annotation;
  if (value === null || value === '') return 0;
  if (isThrid(annotation)) return thridCrc(uid, value.replace(/^0+/, ''));
  return userid === null ? 0 : crc32(`${uid} ${entry} ${userid} ${value}`);
}

/** What to XOR into `annotCrc` where leading zeros are counted. */
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

/** What all annotations of a living record add to SYNC_CRC_ANNOT. */
export function annotsCrc(uid: number, annotations: readonly CrcAnnotation[]): number {
  let crc = 0;
  for (const annotation of annotations) crc ^= annotCrc(uid, annotation);
  return crc >>> 0;
}

/** What to XOR into `annotsCrc` for a master that counts a thrid with its leading zeros. */
export function paddingsCrc(uid: number, annotations: readonly CrcAnnotation[]): number {
  let crc = 0;
  for (const annotation of annotations) crc ^= paddingCrc(uid, annotation);
  return crc >>> 0;
}

/** XOR of two checksums, as an unsigned 32-bit number. */
export function combineCrc(one: number, other: number): number {
  return (one ^ other) >>> 0;
}
