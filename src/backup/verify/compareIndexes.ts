/**
 * Compares two indexes table by table. verify uses it to compare the index on disk with one that
 * was just folded from the log. Ids depend on the order in which an index was filled. Rows are
 * therefore matched by what they describe: uniqueid and UID, GUID, or a chunk's file offset.
 *
 * Both indexes are read in parallel, in the order of their keys, so that comparing a large index
 * takes little memory.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { chainHash, chunkAt, chunks } from '../../index/queries/chunks.ts';
import { chunkAround, placedPoints } from '../../index/queries/points.ts';
import { verifiedTables } from '../../index/queries/comparedTables.ts';
import type { Table } from '../../index/queries/comparedTables.ts';
import { LONGEST_BLOCK_BYTES } from '../../log/format.ts';

type Value = string | number | null;
type Row = Record<string, Value>;

/**
 * The maximum number of differences that are listed for each table. Further ones are only counted.
 */
const LISTED_PER_TABLE = 20;

/**
 * The data that the log is known to have lost. An index from before the damage may still describe
 * it.
 */
export interface Lost {
  /** The file offsets of the damaged chunks. */
  readonly chunks: ReadonlySet<number>;
  readonly guids: ReadonlySet<string>;
}

const nothingLost: Lost = { chunks: new Set(), guids: new Set() };

/**
 * Returns descriptions of the differences; empty if there are none. `index` is the index to check,
 * `folded` is known to be correct.
 */
export function compareIndexes(index: IndexFile, folded: IndexFile, lost = nothingLost): string[] {
  const differences = compareTables(verifiedTables, index, folded, { lost });
  return [...differences, ...falseChain(index), ...capped('point', pointGaps(index, folded))];
}

interface Compared {
  readonly lost?: Lost;
  /** The values of the queries' parameters, by parameter name. */
  readonly values?: Readonly<Record<string, number>>;
}

/** Like compareIndexes(), for any set of queries. */
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

/** Finds chunks whose chained hash (docs/decisions/0004-file-sha1-chain.md) is wrong. */
function* falseChain(index: IndexFile): Generator<string> {
  let before = '';
  for (const { offset, memberSha1: member, fileSha1: chain } of chunks(index)) {
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
        // The chunk was already reported as damaged.
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
 * Compares keys in the order of SQLite's ORDER BY: NULL first, then numbers, then text by its
 * bytes. For latin1 text, the bytes are its UTF-16 units.
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
 * Finds places where the log has flush points but the index has none nearby. Reading a message
 * there would inflate far too much data. Smaller differences are allowed: the writer records the
 * points that it makes on purpose, and the fold records those that it finds.
 */
function* pointGaps(index: IndexFile, folded: IndexFile): Generator<string> {
  for (const { chunkOffset: chunk, offset, fileOffset: place } of placedPoints(folded)) {
    const id = chunkAt(index, chunk)?.id;
    if (id === undefined) continue;
    const near = chunkAround(index, id, offset)?.before ?? { offset: 0, fileOffset: chunk };
    if (near.offset === offset && near.fileOffset !== place && offset !== 0) {
      yield `point ${chunk} ${offset}: is at ${near.fileOffset} in the index, at ${place} in the log`;
    } else if (offset - near.offset > 2 * LONGEST_BLOCK_BYTES) {
      yield `point ${chunk} ${offset}: the index has none for ${offset - near.offset} bytes before it`;
    }
  }
}
