/**
 * Describes what a backup holds as text: mailboxes, records and all other items, present and past.
 * It leaves out where the bytes are stored.
 */
import type { IndexFile } from '../../../src/index/store/indexFile.ts';

const QUERIES = [
  `SELECT uniqueid, name, uidvalidity, last_uid, CAST(highestmodseq AS TEXT), deleted, state FROM mailbox
   WHERE uniqueid <> 'refused' ORDER BY 1`,
  `SELECT uniqueid, uid, CAST(record.modseq AS TEXT), internaldate, record.size, guid, flags, expunged
   FROM record JOIN mailbox ON mailbox_id = mailbox.id JOIN message ON message.id = message_id
   WHERE uniqueid <> 'refused' ORDER BY 1, 2`,
  'SELECT kind, key, value FROM item ORDER BY 1, 2',
  'SELECT count(*) FROM mailbox_history',
  'SELECT count(*) FROM record_history',
  'SELECT kind, key, value, since, until FROM item_history ORDER BY 1, 2, 3, 4',
];

/** A refused line may be there or not, so the queries leave it out. */
export function stateOf(index: IndexFile): string {
  return QUERIES.map((sql) => JSON.stringify(index.all(sql))).join('\n');
}
