/**
 * Whether an index can be believed where nobody asks the log. A compaction drops what the index says is not needed any
 * more: one bit that turns "lives" into "went in 1970" would cost a mailbox. So what the index says twice is compared:
 *
 * - its b-trees and its indexes, by SQLite itself;
 * - a record with the CRC that was computed when it was folded (zero for an expunged one);
 * - the times at which something went with the times at which anything changed.
 */
import { recordCrc } from '../protocol/crc.ts';
import { IndexError } from './indexErrors.ts';
import type { IndexFile } from './indexFile.ts';

/** A record's columns that its CRC is made of, and the GUID of its message. */
export interface CountedRecord {
  readonly uid: number;
  /** Decimal. */
  readonly modseq: string;
  readonly last_updated: number;
  readonly internaldate: number;
  /** Separated by SP. */
  readonly flags: string;
  readonly guid: string;
}

/** What a living record adds to its mailbox's CRC. Throws what BigInt does where its modseq is no number. */
export function crcOfRecord({ uid, modseq, last_updated, internaldate, flags, guid }: CountedRecord): number {
  return recordCrc({
    uid,
    modseq: BigInt(modseq),
    lastUpdated: last_updated,
    internaldate,
    flags: flags === '' ? [] : flags.split(' '),
    guid,
  });
}

/** Throws an IndexError 'damaged' that says what does not fit together. */
export function requireCredible(index: IndexFile): void {
  const [fault] = faults(index);
  if (fault !== undefined) throw new IndexError('damaged', index.path, fault);
}

function* faults(index: IndexFile): Generator<string> {
  yield* index.integrityFaults();
  const gone = index.get<{ uniqueid: string }>(
    'SELECT uniqueid FROM mailbox WHERE deleted IS NOT NULL AND deleted NOT IN (SELECT time FROM moment)',
  );
  if (gone !== undefined) yield `mailbox ${gone.uniqueid} went when nothing did`;
  const expunged = index.get<{ uid: number }>(
    `SELECT uid FROM record WHERE expunged IS NOT NULL AND expunged NOT IN (SELECT time FROM moment)`,
  );
  if (expunged !== undefined) yield `UID ${expunged.uid} was expunged when nothing was`;
  for (const record of index.each<CountedRecord & { expunged: number | null; crc: number }>(RECORDS)) {
    const crc = record.expunged === null ? crcOfRecord(record) : 0;
    if (crc !== record.crc) yield `UID ${record.uid}: it does not match its CRC`;
  }
}

const RECORDS = `SELECT uid, CAST(modseq AS TEXT) AS modseq, last_updated, internaldate, flags, guid, expunged, crc
  FROM record JOIN message ON message.id = message_id`;
