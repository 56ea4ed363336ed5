/**
 * Whether an index can be believed where nobody asks the log. A compaction drops what the index says is not needed any
 * more: one bit that turns "lives" into "went in 1970" would cost a mailbox. So what the index says twice is compared:
 *
 * - its b-trees and its indexes, by SQLite itself;
 * - a record with the CRC that was computed when it was folded (zero for an expunged one);
 * - the times at which something went with the times at which anything changed.
 */
import { recordCrc } from '../protocol/crc.ts';
import { IndexError, isDamagedIndex } from './indexErrors.ts';
import type { IndexFile } from './indexFile.ts';

/** A record's columns that its CRC is made of, and the GUID of its message. */
interface CountedRecord {
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
function crcOfRecord({ uid, modseq, last_updated, internaldate, flags, guid }: CountedRecord): number {
  return recordCrc({
    uid,
    modseq: BigInt(modseq),
    lastUpdated: last_updated,
    internaldate,
    flags: flags === '' ? [] : flags.split(' '),
    guid,
  });
}

/** So many faults of one index are named. */
const MOST_FAULTS = 20;

/**
 * Reads all of an index, and returns what is structurally wrong, in words: damaged pages, and indexes that do not match
 * their tables. It does not notice values that merely differ from the log.
 */
export function integrityFaults(index: IndexFile): string[] {
  try {
    const rows = index.all<{ integrity_check: string }>(`PRAGMA integrity_check(${MOST_FAULTS})`);
    const found = rows.map(({ integrity_check: fault }) => fault).filter((fault) => fault !== 'ok');
    return found.map((fault) => `${index.path}: ${fault.replaceAll('\n', ' ')}`);
  } catch (error) {
    if (!isDamagedIndex(error)) throw error;
    return [error.message];
  }
}

/** Throws an IndexError 'damaged' that says what does not fit together. */
export function requireCredible(index: IndexFile): void {
  const [fault] = faults(index);
  if (fault !== undefined) throw new IndexError('damaged', index.path, fault);
}

function* faults(index: IndexFile): Generator<string> {
  yield* integrityFaults(index);
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
