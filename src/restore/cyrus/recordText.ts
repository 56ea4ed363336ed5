/**
 * Prints records in the form that a Cyrus server accepts (cyrus-imapd imap/sync_support.c,
 * parse_upload), and computes their contribution to a mailbox's checksum. The index stores flags,
 * annotations and unknown keys in printed form; they are sent unchanged.
 */
import { combineCrc, initialRecordCrc, recordCrc } from '../../protocol/crc.ts';
import { optionalString, toKeyValuesList } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { printDlist, printItem } from '../../protocol/print.ts';
import type { SourceRecord } from '../source.ts';
import { takenAnnotations } from './annotations.ts';

/** A record of a server or a backup. Flags are separated by SP, annotations are in printed form. */
export interface RecordFields {
  readonly uid: number;
  readonly modseq: string;
  readonly lastUpdated: number;
  readonly flags: string;
  readonly internaldate: number;
  readonly size: number;
  readonly guid: string;
  readonly annotations: string | null;
  readonly extra: string | null;
}

/** Returns the record as it was, with \Expunged if it was expunged. */
export function exactFields(record: SourceRecord): RecordFields {
  const flags = record.expunged === null ? record.flags : `${record.flags} \\Expunged`.trim();
  return { ...fieldsOf(record), flags };
}

/**
 * Returns the record as a new message of a living mailbox.
 * - An expunged message is restored as a living one. The original tool also sent \Expunged, so the
 *   restored message was invisible.
 * - Its \Deleted is dropped, or the next EXPUNGE would remove it again.
 * - CREATEDMODSEQ is dropped: it refers to the modseqs of another mailbox.
 */
export function freshFields(record: SourceRecord): RecordFields {
  const fields = fieldsOf(record);
  const flags = record.expunged === null ? record.flags : withoutFlag(record.flags, '\\Deleted');
  return { ...fields, flags, annotations: withoutCreatedModseq(fields.annotations) };
}

function fieldsOf(record: SourceRecord): RecordFields {
  const { uid, modseq, internaldate, size, guid, flags, annotations, extra } = record;
  return {
    uid,
    modseq,
    lastUpdated: record.lastUpdated,
    flags,
    internaldate,
    size,
    guid,
    annotations,
    extra,
  };
}

function withoutFlag(flags: string, flag: string): string {
  return flags
    .split(' ')
    .filter((name) => name.toLowerCase() !== flag.toLowerCase())
    .join(' ');
}

function withoutCreatedModseq(annotations: string | null): string | null {
  if (annotations === null || !annotations.includes('createdmodseq')) return annotations;
  const list = toKeyValuesList(parseDlist(annotations), 'ANNOTATIONS');
  return printDlist(
    list.filter((kv) => !(optionalString(kv, 'ENTRY') ?? '').endsWith('/createdmodseq')),
    'log',
  );
}

export function recordText(record: RecordFields): string {
  const { uid, modseq, lastUpdated, flags, internaldate, size, guid, annotations, extra } = record;
  const times = `LAST_UPDATED ${lastUpdated} FLAGS (${flags}) INTERNALDATE ${internaldate}`;
  const hasNone = annotations === null || annotations === '()';
  const annotated = hasNone
    ? ''
    : ` ${printItem('ANNOTATIONS', takenAnnotations(parseDlist(annotations)), 'log')}`;
  return `%(UID ${uid} MODSEQ ${modseq} ${times} SIZE ${size} GUID ${guid}${annotated}${extra === null ? '' : ` ${extra}`})`;
}

/**
 * The value of SYNC_CRC_ANNOT, and of SINCE_CRC_ANNOT if the server's checksum is unknown: "do not
 * check" (mailbox_crceq). Besides annotations, servers include threads, dates and creation modseqs
 * in this checksum, but the details differ between versions. A change of a message's annotations
 * changes its modseq, which SYNC_CRC covers.
 */
export const UNCHECKED = '0';

/** Computes SYNC_CRC record by record. */
export class MailboxCrc {
  basic = initialRecordCrc;

  /** Adds a record, or removes it again: XOR is its own inverse. Expunged records do not count. */
  toggle(record: RecordFields): void {
    const flags = record.flags === '' ? [] : record.flags.split(' ');
    this.basic = combineCrc(this.basic, recordCrc({ ...record, modseq: BigInt(record.modseq), flags }));
  }
}
