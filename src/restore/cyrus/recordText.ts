/**
 * Records as a Cyrus server takes them (cyrus-imapd imap/sync_support.c, parse_upload), and what they add to a mailbox's
 * checksum. Flags, annotations and unknown keys are kept printed in the index, and go out as they are.
 */
import { combineCrc, initialRecordCrc, recordCrc } from '../../protocol/crc.ts';
import { optionalString, toKeyValuesList } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { printDlist, printItem } from '../../protocol/print.ts';
import type { SourceRecord } from '../source.ts';
import { takenAnnotations } from './annotations.ts';

/** A record as a server or a backup has it; flags separated by SP, annotations printed. */
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

/** The record as it was, \Expunged included where it was. */
export function exactFields(record: SourceRecord): RecordFields {
  const flags = record.expunged === null ? record.flags : `${record.flags} \\Expunged`.trim();
  return { ...fieldsOf(record), flags };
}

/**
 * The record as a new message of a living mailbox. An expunged message comes back alive: the originals sent \Expunged
 * along, and it arrived invisible. Its \Deleted goes too, or the next EXPUNGE would take it again. CREATEDMODSEQ speaks
 * of the modseqs of another mailbox.
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
    lastUpdated: record.last_updated,
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
 * What to say as SYNC_CRC_ANNOT, and as SINCE_CRC_ANNOT where the server has not said it: not to be checked (mailbox_crceq). What a
 * server counts in it beside annotations (threads, dates, modseqs of creation) is another in each version, and so is how. A
 * change of a message's annotations changes its modseq, which SYNC_CRC counts.
 */
export const UNCHECKED = '0';

/** SYNC_CRC, kept up record by record. */
export class MailboxCrc {
  basic = initialRecordCrc;

  /** Adds a record, or takes it out again: XOR is its own inverse. Expunged ones count for nothing. */
  toggle(record: RecordFields): void {
    const flags = record.flags === '' ? [] : record.flags.split(' ');
    this.basic = combineCrc(this.basic, recordCrc({ ...record, modseq: BigInt(record.modseq), flags }));
  }
}
