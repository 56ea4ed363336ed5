/**
 * Names the files that belong to a backup, and finds them below the backup partitions.
 * `reconstruct` relies on these names. `move` and `delete` apply to all files of a backup.
 *
 * A data file is PARTITION/HASH/USERID_XXXXXX. Every other file of the same backup has its name and
 * a suffix.
 */
import { basename, dirname, join } from 'node:path';
import { asBackupError } from '../errors.ts';
import { disk } from '../fs/disk/current.ts';
import { isValidUserid } from '../mailbox/names.ts';

export type FileRole =
  | 'data'
  | 'index' // also the files that SQLite keeps beside it
  | 'search' // likewise: the search index, a cache that is built again
  | 'unfinished' // left by an interrupted compact, reindex, repair or move
  | 'torn' // kept when a torn end was repaired
  | 'previous' // an earlier data file (backup_keep_previous, repair); ends in a unix time
  | 'previous-index';

export interface BackupFile {
  readonly path: string;
  readonly role: FileRole;
  /** Path of the data file that this file belongs to. The data file may be missing. */
  readonly dataPath: string;
  /** The userid from the file name, as a byte string. */
  readonly userid: string;
}

const ASCII = /^[\0-\x7f]*$/;
const DATA_NAME = /^(.+)_[A-Za-z0-9]{6}$/s;
const SQLITE = /-(?:wal|shm|journal)$/;
/** Maps suffixes to roles. The first match counts: `.index.new` is unfinished, not an index. */
const SUFFIXES: readonly [RegExp, FileRole][] = [
  [/\.(?:new|repair)(?:\.index)?$|\.index\.new$/, 'unfinished'],
  [/\.index\.\d+$/, 'previous-index'],
  [/\.index$/, 'index'],
  [/\.search$/, 'search'],
  [/\.torn$/, 'torn'],
  [/\.\d+$/, 'previous'],
];

/** Classifies a file by its name. Returns null if it belongs to no backup. */
export function backupFileOf(path: string): BackupFile | null {
  const name = basename(path);
  const userid = useridIn(name);
  if (userid !== null) return { path, role: 'data', dataPath: path, userid };
  const plain = name.replace(SQLITE, '');
  for (const [suffix, role] of SUFFIXES) {
    if (!suffix.test(plain)) continue;
    const dataName = plain.replace(suffix, '');
    const owner = useridIn(dataName);
    return owner === null ? null : { path, role, dataPath: join(dirname(path), dataName), userid: owner };
  }
  return null;
}

function useridIn(name: string): string | null {
  const userid = DATA_NAME.exec(name)?.[1];
  if (userid === undefined) return null;
  const bytes = ASCII.test(userid) ? userid : Buffer.from(userid, 'utf8').toString('latin1');
  return isValidUserid(bytes) ? bytes : null;
}

/** Matches the folder of a data file: one letter, as the original tools name it. */
const HASH_LETTER = /^[A-Za-z]$/;
const SLASH = 0x2f;
const BELOW = /^\/+[A-Za-z]\/+([^/\0]+)$/;

/**
 * Returns the reason why a path is not a data file below one of the partitions; null if it is one.
 * The text is meant to follow the path in a message.
 */
export function placeFault(path: string, partitions: Iterable<string>): string | null {
  for (const partition of partitions) {
    const plain = partition.replace(/\/+$/, '');
    const name = path.startsWith(plain) ? BELOW.exec(path.slice(plain.length))?.[1] : undefined;
    if (name !== undefined && useridIn(name) !== null) return null;
  }
  return 'is no data file of a configured partition (backuppartition-NAME, then LETTER/USERID_XXXXXX)';
}

const SUFFIX = /^_[A-Za-z0-9]{6}$/;

/**
 * Reports whether a path is PARTITION/LETTER/USERID_XXXXXX with exactly this userid, which must be
 * valid. This function is called for every entry, so it must be fast.
 */
export function isOwnPlace(path: string, partition: string, userid: string): boolean {
  const at = partition.length;
  return (
    path.charCodeAt(at) === SLASH &&
    path.charCodeAt(at + 2) === SLASH &&
    path.startsWith(userid, at + 3) &&
    path.startsWith(partition) &&
    HASH_LETTER.test(path.charAt(at + 1)) &&
    SUFFIX.test(path.slice(at + 3 + userid.length))
  );
}

/** Reports whether a path has the form of a data file below any partition. */
export function couldBePlace(path: string): boolean {
  const isPlain = path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..');
  return isPlain && HASH_LETTER.test(basename(dirname(path))) && useridIn(basename(path)) !== null;
}

/** Returns all files of the backup except the data file itself. */
export function sideFiles(dataPath: string): BackupFile[] {
  return entriesOf(dirname(dataPath))
    .map((name) => backupFileOf(join(dirname(dataPath), name)))
    .filter((file): file is BackupFile => file?.dataPath === dataPath && file.role !== 'data');
}

/**
 * Yields the backup files below a partition, and as plain strings the paths of everything else.
 * Throws if the partition cannot be read.
 */
export function* filesBelow(partition: string): Generator<BackupFile | string> {
  for (const folder of readdirSafely(partition)) {
    const path = join(partition, folder.name);
    if (!folder.isDirectory()) {
      yield path;
      continue;
    }
    for (const entry of readdirSafely(path)) {
      const below = join(path, entry.name);
      yield (entry.isFile() ? backupFileOf(below) : null) ?? below;
    }
  }
}

function entriesOf(folder: string): string[] {
  return readdirSafely(folder).map(({ name }) => name);
}

function readdirSafely(path: string) {
  try {
    return disk.entries(path);
  } catch (error) {
    throw asBackupError(error, path);
  }
}
