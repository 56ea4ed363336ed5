/**
 * Proves a compaction: for every time from the horizon on, the compacted backup has the same state
 * as the old backup. Compares the index folded from the new file with the old index, row by row.
 * Without this proof, a compaction changes nothing.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { compareTables } from '../verify/compareIndexes.ts';
import type { Table } from '../verify/compareIndexes.ts';

const living = '(mailbox.deleted IS NULL OR mailbox.deleted > :horizon)';

const recordColumns = (table: string): string =>
  `CAST(${table}.modseq AS TEXT) AS modseq, last_updated, internaldate, ${table}.size AS size, guid, flags, annotations, extra`;

export const mailboxTable: Table = {
  name: 'mailbox',
  keys: 1,
  sql: `SELECT uniqueid, name, uidvalidity, last_uid, CAST(highestmodseq AS TEXT) AS highestmodseq,
                 min(deleted, :latest) AS deleted, state, crc,
                 crc_annot, crc_padding, sent_crc, sent_crc_annot, resend
          FROM mailbox WHERE ${living} ORDER BY 1`,
};

/**
 * Adjusts `since` for the comparison. Times before the horizon count as the horizon, because an
 * earlier state may have been reached at another time. Times after `latest` count as `latest`. If
 * something changed several times within one second, only the last state is kept.
 */
const since = (table: string): string => `min(max(${table}.since, :horizon), :latest) AS since`;
const until = (table: string): string => `min(${table}.until, :latest) AS until`;

const tables: readonly Table[] = [
  mailboxTable,
  {
    name: 'mailbox history',
    keys: 3,
    sql: `SELECT mailbox_history.uniqueid AS uniqueid, ${until('mailbox_history')}, ${since('mailbox_history')},
                   mailbox_history.name AS name, mailbox_history.deleted IS NULL AS living, mailbox_history.state AS state
            FROM mailbox_history JOIN mailbox USING (id)
            WHERE mailbox_history.until > :horizon AND mailbox_history.since < :latest AND ${living} ORDER BY 1, 2, 3`,
  },
  {
    name: 'record',
    keys: 2,
    sql: `SELECT uniqueid, uid, ${recordColumns('record')}, ${since('record')}, min(expunged, :latest) AS expunged, record.crc AS crc,
                   message.chunk_id IS NULL AS missing
            FROM mailbox JOIN record ON mailbox_id = mailbox.id JOIN message ON message.id = message_id
            WHERE (expunged IS NULL OR expunged > :horizon) AND ${living} ORDER BY 1, 2`,
  },
  {
    name: 'record history',
    keys: 4,
    sql: `SELECT uniqueid, uid, ${until('record_history')}, ${since('record_history')}, ${recordColumns('record_history')},
                   message.chunk_id IS NULL AS missing
            FROM record_history JOIN mailbox ON mailbox_id = mailbox.id JOIN message ON message.id = message_id
            WHERE expunged IS NULL AND record_history.until > :horizon AND record_history.since < :latest AND ${living} ORDER BY 1, 2, 3, 4`,
  },
  {
    name: 'item',
    keys: 2,
    sql: `SELECT kind, key, value, ${since('item')} FROM item ORDER BY 1, 2`,
  },
  {
    name: 'item history',
    keys: 4,
    sql: `SELECT kind, key, ${until('item_history')}, ${since('item_history')}, value FROM item_history
            WHERE item_history.until > :horizon AND item_history.since < :latest ORDER BY 1, 2, 3, 4`,
  },
];

/**
 * Returns descriptions of the differences; empty if there are none. `latest`: the latest time of
 * any line in the new file.
 */
export function compareRetained(
  old: IndexFile,
  compacted: IndexFile,
  horizon: number,
  latest: number,
): string[] {
  return compareTables(tables, old, compacted, { values: { horizon, latest } });
}
