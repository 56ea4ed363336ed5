/**
 * The names of all files that belong to a backup, and finding them below the backup partitions: what reconstruct goes by, and what
 * move and delete take along.
 *
 * A data file is PARTITION/HASH/USERID_XXXXXX; everything else of the same backup has its name and a suffix.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { asBackupError } from '../errors.ts';
import { isValidUserid } from '../mailbox/names.ts';

export type FileRole =
  | 'data'
  | 'index' // with what SQLite keeps beside it
  | 'unfinished' // of a compact, reindex, repair or move that was broken off
  | 'torn' // kept aside when a torn end was repaired
  | 'previous' // kept by backup_keep_previous or a repair: a data file of before, its name ends in a unix time
  | 'previous-index';

export interface BackupFile {
  readonly path: string;
  readonly role: FileRole;
  /** Path of the data file that it belongs to, there or not. */
  readonly dataPath: string;
  /** As the name has it, a byte string. */
  readonly userid: string;
}

const ASCII = /^[\0-\x7f]*$/;
const DATA_NAME = /^(.+)_[A-Za-z0-9]{6}$/s;
const SQLITE = /-(?:wal|shm|journal)$/;
/** In this order: `.index.new` is unfinished, and no index. */
const SUFFIXES: readonly [RegExp, FileRole][] = [
  [/\.(?:new|repair)(?:\.index)?$|\.index\.new$/, 'unfinished'],
  [/\.index\.\d+$/, 'previous-index'],
  [/\.index$/, 'index'],
  [/\.torn$/, 'torn'],
  [/\.\d+$/, 'previous'],
];

/** What a file is by its name; null where it is no backup's. */
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

/** As the originals name folders and files below a partition: a letter of the userid or of its hash, then a plain name. */
const HASH_LETTER = /^[A-Za-z]$/;
const SLASH = 0x2f;
const BELOW = /^\/+[A-Za-z]\/+([^/\0]+)$/;

/** Why a path is not that of a data file below one of the partitions, in words that follow the path; null where it is. */
export function placeFault(path: string, partitions: Iterable<string>): string | null {
  for (const partition of partitions) {
    const plain = partition.replace(/\/+$/, '');
    const name = path.startsWith(plain) ? BELOW.exec(path.slice(plain.length))?.[1] : undefined;
    if (name !== undefined && useridIn(name) !== null) return null;
  }
  return 'is no data file of a configured partition (backuppartition-NAME, then LETTER/USERID_XXXXXX)';
}

const SUFFIX = /^_[A-Za-z0-9]{6}$/;

/** Reports, quickly, whether a path is PARTITION/LETTER/USERID_XXXXXX of this very userid, which is a valid one. */
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

/** Reports whether a path is one that a data file of some partition could have. */
export function couldBePlace(path: string): boolean {
  const isPlain = path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..');
  return isPlain && HASH_LETTER.test(basename(dirname(path))) && useridIn(basename(path)) !== null;
}

/** All files of the backup but the data file itself. */
export function sideFiles(dataPath: string): BackupFile[] {
  return entriesOf(dirname(dataPath))
    .map((name) => backupFileOf(join(dirname(dataPath), name)))
    .filter((file): file is BackupFile => file?.dataPath === dataPath && file.role !== 'data');
}

/** What is below a partition: a backup's files, and the paths of what is none. Throws where the partition cannot be read. */
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
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    throw asBackupError(error, path);
  }
}
