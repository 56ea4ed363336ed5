/**
 * Checks whether an index can be trusted without consulting the log. A compaction drops what the
 * index says is no longer needed: if one flipped bit turned "exists" into "deleted in 1970", a
 * mailbox would be lost. So facts that the index stores twice are compared:
 *
 * - its b-trees and its SQL indexes (SQLite does this check);
 * - each record, with the CRC computed when the record was folded (zero for an expunged record);
 * - the times of deletions and expunges, with the list of times at which anything changed.
 */
import { recordCrc } from '../../protocol/crc.ts';
import { IndexError, isDamagedIndex } from './indexErrors.ts';
import type { IndexFile } from './indexFile.ts';

const PAGE_RECORDS = 1000;
/** Number of distinct flag lists that are cached in split form. */
const MOST_FLAGS = 1000;
/** The largest number of faults that are reported for one index. */
const MOST_FAULTS = 20;

/**
 * Reads the whole index and returns its structural faults as text: damaged pages, and SQL indexes
 * that do not match their tables. Values that merely differ from the log are not detected.
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

/** Throws an IndexError 'damaged' that names the first contradiction. */
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
  yield* recordFaults(index);
}

/** Columns in the order of Counted. */
const RECORDS = `SELECT mailbox_id, uid, CAST(modseq AS TEXT), last_updated, internaldate, flags, guid, expunged, crc
  FROM record JOIN message ON message.id = message_id
  WHERE (mailbox_id, uid) > (?, ?) ORDER BY mailbox_id, uid LIMIT ${PAGE_RECORDS}`;

type Counted = readonly [
  mailboxId: number,
  uid: number,
  modseq: string,
  lastUpdated: number,
  internaldate: number,
  flags: string,
  guid: string,
  expunged: number | null,
  crc: number,
];

function* recordFaults(index: IndexFile): Generator<string> {
  const names = new Map<string, readonly string[]>();
  let [lastMailbox, lastUid] = [-1, -1];
  for (;;) {
    const page = index.allValues<Counted>(RECORDS, lastMailbox, lastUid);
    for (const [mailboxId, uid, modseq, lastUpdated, internaldate, text, guid, expunged, crc] of page) {
      let flags = names.get(text);
      if (flags === undefined) {
        flags = text === '' ? [] : text.split(' ');
        if (names.size < MOST_FLAGS) names.set(text, flags);
      }
      const record = { uid, modseq: BigInt(modseq), lastUpdated, internaldate, flags, guid };
      if ((expunged === null ? recordCrc(record) : 0) !== crc) yield `UID ${uid}: it does not match its CRC`;
      [lastMailbox, lastUid] = [mailboxId, uid];
    }
    if (page.length < PAGE_RECORDS) return;
  }
}
