/** An index file that is read as a whole rather than opened: it has to be small, and nobody may be writing it. */
import { readFileSync, statSync } from 'node:fs';
import { APPLICATION_ID, SCHEMA_VERSION } from './schema.ts';

/** Up to this an index is read at once rather than opened. */
const PEEK_BYTES = 512 * 1024;
/** Its first page. */
const MIN_BYTES = 4096;

/** All of a small index whose write-ahead log is empty, so that the file is all there is; else null. */
export function settledBytes(path: string): Buffer | null {
  const before = stateOf(path);
  if (before === null) return null;
  const bytes = readFileSync(path);
  const after = stateOf(path);
  return after === before ? bytes : null;
}

/** null: it is not there, is large, or is being written. */
function stateOf(path: string): string | null {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (file === undefined || file.size < MIN_BYTES || file.size > PEEK_BYTES || (log?.size ?? 0) > 0)
    return null;
  return `${file.ino} ${file.size} ${file.mtimeNs}`;
}

const MAGIC = 'SQLite format 3\0';
const VERSION_AT = 60;
const APPLICATION_ID_AT = 68;

/** Whether it is a database with our application id and version, by its header (sqlite.org/fileformat.html, 1.3). */
export function isOurs(bytes: Buffer): boolean {
  return (
    bytes.toString('latin1', 0, MAGIC.length) === MAGIC &&
    bytes.readInt32BE(APPLICATION_ID_AT) === APPLICATION_ID &&
    bytes.readInt32BE(VERSION_AT) === SCHEMA_VERSION
  );
}
