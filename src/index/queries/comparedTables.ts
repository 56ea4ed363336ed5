/**
 * The queries with which two indexes are compared row by row: all of an index, for verify, and the
 * part that a compaction retains. Rows keep the names of the columns, which the report of a
 * difference shows.
 */

export interface Table {
  readonly name: string;
  /** The number of leading columns that form the key. */
  readonly keys: number;
  /** The query; its rows are ordered by the key. */
  readonly sql: string;
}

const mailboxColumns = `name, uidvalidity, last_uid, CAST(highestmodseq AS TEXT) AS highestmodseq, deleted, state`;
const recordColumns = (table: string): string =>
  `CAST(${table}.modseq AS TEXT) AS modseq, last_updated, internaldate, ${table}.size AS size, guid, flags, annotations,
   extra`;

/** The tables to compare. In the history tables, all columns form the key. */
export const verifiedTables: readonly Table[] = [
  {
    name: 'chunk',
    keys: 1,
    sql: `SELECT offset, ts_start, ts_end, length, file_end, crc32, member_sha1, closed FROM chunk ORDER BY 1`,
  },
  {
    name: 'message',
    keys: 1,
    sql: `SELECT guid, size, chunk.offset AS chunk_offset, message.offset AS offset
          FROM message LEFT JOIN chunk ON chunk.id = chunk_id ORDER BY 1`,
  },
  {
    name: 'mailbox',
    keys: 1,
    sql: `SELECT uniqueid, ${mailboxColumns}, since, crc, crc_annot, crc_padding, sent_crc, sent_crc_annot, resend,
          changed
          FROM mailbox ORDER BY 1`,
  },
  {
    name: 'record',
    keys: 2,
    sql: `SELECT uniqueid, uid, ${recordColumns('record')}, expunged, record.since AS since, record.crc AS crc,
          record.crc_annot AS crc_annot, record.crc_padding AS crc_padding
          FROM mailbox JOIN record ON mailbox_id = mailbox.id JOIN message ON message.id = message_id ORDER BY 1, 2`,
  },
  { name: 'item', keys: 2, sql: 'SELECT kind, key, value, since FROM item ORDER BY 1, 2' },
  {
    name: 'mailbox history',
    keys: 9,
    sql: `SELECT uniqueid, until, since, ${mailboxColumns} FROM mailbox_history
          ORDER BY 1, 2, 3, 4, 5, 6, highestmodseq, 8, 9`,
  },
  {
    name: 'record history',
    keys: 13,
    sql: `SELECT uniqueid, uid, until, record_history.since AS since, ${recordColumns('record_history')}, expunged
          FROM record_history JOIN mailbox ON mailbox_id = mailbox.id JOIN message ON message.id = message_id
          ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13`,
  },
  {
    name: 'item history',
    keys: 5,
    sql: 'SELECT kind, key, until, since, value FROM item_history ORDER BY 1, 2, 3, 4, 5',
  },
  { name: 'moment', keys: 1, sql: 'SELECT time FROM moment ORDER BY 1' },
  { name: 'horizon', keys: 1, sql: 'SELECT time FROM horizon' },
];

// --- what a compaction retains, with the values :horizon and :latest

const living = '(mailbox.deleted IS NULL OR mailbox.deleted > :horizon)';

export const retainedMailboxes: Table = {
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

export const retainedTables: readonly Table[] = [
  retainedMailboxes,
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
