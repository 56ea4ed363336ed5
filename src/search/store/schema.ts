/**
 * The tables of a search index. It is a cache beside the index: everything in it follows from the
 * messages' bytes, so another version is deleted and built again.
 *
 * Both full-text tables get words that are folded already (text/fold.ts), and are contentless: they
 * return ids only. The tokenizer `ascii` treats every character beyond ASCII as a letter, so it
 * splits folded text exactly as fold.ts does.
 */

/** "CySr" */
export const APPLICATION_ID = 0x43795372;
export const VERSION = 1;

/** The columns of `head`, in order. */
export const HEAD_COLUMNS = ['sender', 'recipient', 'copy', 'subject', 'list', 'filename', 'id'] as const;

export const schemaSql = `
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${VERSION};

-- A message whose text is indexed. has_attachment: 0 or 1. is_cut: a limit left text out.
CREATE TABLE doc (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL UNIQUE,
  has_attachment INTEGER NOT NULL,
  is_cut INTEGER NOT NULL
);

-- One row: how far the index of the backup was read. identity: of that index file. last_message: all its messages
-- up to this id are here; held: how many those were. scope: what is indexed of each message, 'all' or 'headers'.
CREATE TABLE progress (
  identity TEXT NOT NULL,
  last_message INTEGER NOT NULL,
  held INTEGER NOT NULL,
  scope TEXT NOT NULL
);

CREATE VIRTUAL TABLE head USING fts5(
  ${HEAD_COLUMNS.join(', ')}, content='', contentless_delete=1, detail=column, tokenize='ascii'
);
CREATE VIRTUAL TABLE body USING fts5(
  words, content='', contentless_delete=1, detail=none, tokenize='ascii'
);
`;
