/**
 * The index's tables. The index is a cache: everything in it follows from the data file by folding
 * its lines (../fold/fold.ts). So a schema change needs no migration, only a higher SCHEMA_VERSION.
 * An index with another version, or without an application id (as the original tools' index), is
 * deleted and folded again.
 *
 * Each kind of state has two tables: one for the present, and `*_history` for the past. A row of a
 * history table was valid from `since` up to but not including `until` (unix seconds, the time of
 * the log's lines). The present is kept separately because every sync and every listing needs it,
 * while the past only grows.
 *
 * Bytes of protocol strings are stored as TEXT, one character per byte (latin1); see
 * protocol/dlist.ts.
 */

/**
 * "CyBk". This id distinguishes the index from that of the original tools, which has the same file
 * name.
 */
export const APPLICATION_ID = 0x4379426b;
export const SCHEMA_VERSION = 10;

const mailboxColumns = `
  uniqueid TEXT NOT NULL,
  name TEXT NOT NULL,
  uidvalidity INTEGER NOT NULL,
  last_uid INTEGER NOT NULL,
  highestmodseq INTEGER NOT NULL,
  deleted INTEGER,
  state TEXT NOT NULL,
  since INTEGER NOT NULL`;

const recordColumns = `
  mailbox_id INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  last_updated INTEGER NOT NULL,
  internaldate INTEGER NOT NULL,
  size INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  flags TEXT NOT NULL,
  annotations TEXT,
  extra TEXT,
  expunged INTEGER,
  since INTEGER NOT NULL`;

/**
 * The statements that create the schema. Their indentation is removed, because SQLite stores the
 * text of each statement, and all texts must fit on the first page (slot.ts).
 */
export const schemaSql = `
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};

-- One gzip member of the data file. length counts bytes after decompression; file_end is the member's end in the
-- file, of what has been committed; closed: it has its trailer. file_sha1 is a chain: the SHA-1 over the previous
-- chunk's file_sha1 and member_sha1 (hex), so that checking the whole file costs one pass and an append none.
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY,
  ts_start INTEGER NOT NULL,
  ts_end INTEGER NOT NULL,
  offset INTEGER NOT NULL UNIQUE,
  length INTEGER NOT NULL,
  file_end INTEGER NOT NULL,
  crc32 INTEGER NOT NULL,
  member_sha1 TEXT NOT NULL,
  file_sha1 TEXT NOT NULL,
  closed INTEGER NOT NULL
);

-- Where inflation can start afresh: uncompressed offset in the chunk, absolute offset in the file.
CREATE TABLE point (
  chunk_id INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  file_offset INTEGER NOT NULL,
  PRIMARY KEY (chunk_id, offset)
) WITHOUT ROWID;

-- offset: where the message's own first byte is in the decompressed chunk. chunk_id NULL: a record names it, its
-- bytes are not here. undelivered: when the master was last asked for them and could not send them. It does not
-- follow from the log: an index that is built anew has the master asked once more.
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL,
  chunk_id INTEGER,
  offset INTEGER,
  undelivered INTEGER
);
CREATE INDEX message_missing ON message (id) WHERE chunk_id IS NULL;

-- crc*: of the living records that are held here, see crcs.ts. sent_*: what the master last said. resend: see
-- foldCompare.ts. missing_from: no living record below this UID lacks its message; NULL: none does (missing.ts).
CREATE TABLE mailbox (
  id INTEGER PRIMARY KEY, ${mailboxColumns},
  crc INTEGER NOT NULL DEFAULT 0,
  crc_annot INTEGER NOT NULL DEFAULT 0,
  crc_padding INTEGER NOT NULL DEFAULT 0,
  sent_crc INTEGER,
  sent_crc_annot INTEGER,
  resend INTEGER NOT NULL DEFAULT 0,
  missing_from INTEGER,
  changed INTEGER NOT NULL
);
CREATE UNIQUE INDEX mailbox_uniqueid ON mailbox (uniqueid);
CREATE INDEX mailbox_name ON mailbox (name);
CREATE TABLE mailbox_history (
  id INTEGER NOT NULL, ${mailboxColumns},
  until INTEGER NOT NULL
);
CREATE INDEX mailbox_history_id ON mailbox_history (id, until);

CREATE TABLE record (${recordColumns},
  crc INTEGER NOT NULL,
  crc_annot INTEGER NOT NULL,
  crc_padding INTEGER NOT NULL,
  PRIMARY KEY (mailbox_id, uid)
) WITHOUT ROWID;
CREATE INDEX record_message ON record (message_id);
-- For who watches for messages that go, while the mailbox may hold a million that stay.
CREATE INDEX record_since ON record (mailbox_id, since);
-- Few are, of many, and who shows what was expunged wants only these.
CREATE INDEX record_expunged ON record (mailbox_id, uid) WHERE expunged IS NOT NULL;
CREATE TABLE record_history (${recordColumns},
  until INTEGER NOT NULL
);
CREATE INDEX record_history_uid ON record_history (mailbox_id, uid, until);

-- Everything else that a user has, by kind: seen (key: uniqueid), sub (mailbox name), sieve (file name), active
-- (the active script's file name under the empty key), quota (root), annotation (of the
-- server: entry and user).
-- value: the dlist as it is printed to the log.
CREATE TABLE item (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE item_history (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL
);
CREATE INDEX item_history_key ON item_history (kind, key, until);

-- The moments at which something changed, in unix seconds.
CREATE TABLE moment (time INTEGER PRIMARY KEY);

-- One row: see horizon.ts.
CREATE TABLE horizon (time INTEGER NOT NULL);
INSERT INTO horizon VALUES (0);
`.replaceAll(/\n +/g, ' ');
