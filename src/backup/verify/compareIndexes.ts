/**
 * Compares two indexes table by table: verify compares the index on disk with one that was just
 * folded from the log. Ids depend on the order in which an index was filled. So rows are matched by
 * what they describe: uniqueid and UID, GUID, a chunk's place in the file.
 *
 * Both sides are read side by side, in the order of their keys, so that a large index needs no
 * memory.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { chainHash } from '../../index/queries/chunks.ts';
import { chunkAround } from '../../index/queries/points.ts';
import { chunks } from '../../index/queries/current.ts';
import { LONGEST_BLOCK_BYTES } from '../../log/format.ts';

export interface Table {
  readonly name: string;
  /** How many of the first columns are the key. */
  readonly keys: number;
  /** Ordered by the key. */
  readonly sql: string;
}

type Value = string | number | null;
type Row = Record<string, Value>;

const mailboxColumns = `name, uidvalidity, last_uid, CAST(highestmodseq AS TEXT) AS highestmodseq, deleted, state`;
const recordColumns = (table: string): string =>
  `CAST(${table}.modseq AS TEXT) AS modseq, last_updated, internaldate, ${table}.size AS size, guid, flags, annotations,
   extra, expunged`;

/** In the histories, all columns are the key. */
const tables: readonly Table[] = [
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
    sql: `SELECT uniqueid, uid, ${recordColumns('record')}, record.since AS since, record.crc AS crc,
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
    sql: `SELECT uniqueid, uid, until, record_history.since AS since, ${recordColumns('record_history')}
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

/** More differences of a table than this are only counted. */
const LISTED_PER_TABLE = 20;

/** What the log is known to have lost. An index from before the damage rightly knows it. */
export interface Lost {
  /** By their offsets in the file. */
  readonly chunks: ReadonlySet<number>;
  readonly guids: ReadonlySet<string>;
}

const nothingLost: Lost = { chunks: new Set(), guids: new Set() };

/**
 * Returns the differences in words; empty if there are none. `index` is the one to check, `folded`
 * the one that is right.
 */
export function compareIndexes(index: IndexFile, folded: IndexFile, lost = nothingLost): string[] {
  const differences = compareTables(tables, index, folded, { lost });
  return [...differences, ...falseChain(index), ...capped('point', pointGaps(index, folded))];
}

interface Compared {
  readonly lost?: Lost;
  /** By their names in the queries. */
  readonly values?: Readonly<Record<string, number>>;
}

/** Like compareIndexes(), for any queries. */
export function compareTables(
  queries: readonly Table[],
  index: IndexFile,
  folded: IndexFile,
  { lost = nothingLost, values }: Compared = {},
): string[] {
  return queries.flatMap((table) => {
    const rows = (of: IndexFile): IterableIterator<Row> =>
      values === undefined ? of.each<Row>(table.sql) : of.each<Row>(table.sql, values);
    return capped(table.name, differencesIn(table, rows(index), rows(folded), lost));
  });
}

/** Finds chunks whose chain of hashes (docs/decisions/0004-file-sha1-chain.md) is wrong. */
function* falseChain(index: IndexFile): Generator<string> {
  let before = '';
  for (const { offset, member_sha1: member, file_sha1: chain } of chunks(index)) {
    const right = chainHash(before, member);
    if (chain !== right) yield `chunk ${offset}: file_sha1 is ${chain} in the index, ${right} by its chunks`;
    before = chain;
  }
}

function capped(name: string, differences: Iterable<string>): string[] {
  const listed: string[] = [];
  let count = 0;
  for (const difference of differences) {
    count += 1;
    if (count <= LISTED_PER_TABLE) listed.push(difference);
  }
  if (count > LISTED_PER_TABLE) listed.push(`${name}: ${count - LISTED_PER_TABLE} more differences`);
  return listed;
}

function* differencesIn(
  table: Table,
  ours: Iterator<Row>,
  truth: Iterator<Row>,
  lost: Lost,
): Generator<string> {
  try {
    let mine = ours.next();
    let right = truth.next();
    while (mine.done !== true || right.done !== true) {
      const order =
        mine.done === true ? 1 : right.done === true ? -1 : compareKeys(table, mine.value, right.value);
      if (isLost(table, (order > 0 ? right.value : mine.value) as Row, lost)) {
        // Already reported as damaged.
      } else if (order < 0) yield `${label(table, mine.value as Row)}: in the index, not in the log`;
      else if (order > 0) yield `${label(table, right.value as Row)}: in the log, not in the index`;
      else yield* changedColumns(table, mine.value as Row, right.value as Row);
      if (order <= 0) mine = ours.next();
      if (order >= 0) right = truth.next();
    }
  } finally {
    ours.return?.();
    truth.return?.();
  }
}

function isLost({ name }: Table, row: Row, lost: Lost): boolean {
  if (name === 'chunk') return lost.chunks.has(Number(row['offset']));
  return name === 'message' && lost.guids.has(String(row['guid']));
}

function label({ name, keys }: Table, row: Row): string {
  const shown = Object.values(row).slice(0, Math.min(keys, 4));
  return `${name} ${shown.map((value) => String(value)).join(' ')}`;
}

function* changedColumns(table: Table, mine: Row, right: Row): Generator<string> {
  for (const [column, value] of Object.entries(mine)) {
    if (value === right[column]) continue;
    yield `${label(table, mine)}: ${column} is ${value} in the index, ${right[column]} in the log`;
  }
}

/**
 * Compares like SQLite's ORDER BY: NULL first, then numbers, then text by its bytes (of latin1, its
 * UTF-16 units).
 */
function compareKeys({ keys }: Table, a: Row, b: Row): number {
  const theirs = Object.values(b);
  for (const [at, value] of Object.values(a).slice(0, keys).entries()) {
    const other = theirs[at] ?? null;
    if (value === other) continue;
    if (value === null || other === null) return value === null ? -1 : 1;
    return value < other ? -1 : 1;
  }
  return 0;
}

/**
 * Finds places where the log has flush points and the index has none nearby. Reading there would
 * inflate far too much. Otherwise the points of two indexes may differ: the writer notes those it
 * means to make, the fold those it finds.
 */
function* pointGaps(index: IndexFile, folded: IndexFile): Generator<string> {
  const points = folded.each<{ chunk: number; offset: number; place: number; id: number | null }>(
    `SELECT chunk.offset AS chunk, point.offset AS offset, point.file_offset AS place
     FROM chunk JOIN point ON chunk_id = chunk.id ORDER BY chunk.offset, point.offset`,
  );
  for (const { chunk, offset, place } of points) {
    const id = index.get<{ id: number }>('SELECT id FROM chunk WHERE offset = ?', chunk)?.id;
    if (id === undefined) continue;
    const near = chunkAround(index, id, offset)?.before ?? { offset: 0, fileOffset: chunk };
    if (near.offset === offset && near.fileOffset !== place && offset !== 0) {
      yield `point ${chunk} ${offset}: is at ${near.fileOffset} in the index, at ${place} in the log`;
    } else if (offset - near.offset > 2 * LONGEST_BLOCK_BYTES) {
      yield `point ${chunk} ${offset}: the index has none for ${offset - near.offset} bytes before it`;
    }
  }
}
