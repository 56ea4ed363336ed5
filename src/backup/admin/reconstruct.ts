/**
 * Plans `reconstruct`, which rebuilds backups.db from the files on the partitions. Planning changes
 * nothing.
 *
 * - An entry of backups.db stays as it is if its file exists below a partition.
 * - The owner of any other data file is found from its content, or from its name if the content
 *   does not tell.
 * - An empty data file that no entry names is left from a failed creation, and is removed.
 * - If one user has several data files, one is chosen and the others are reported.
 *
 * The plan reports every file that it chooses or leaves alone.
 */
import { sideFiles } from '../../catalog/backupFiles.ts';
import type { BackupFile } from '../../catalog/backupFiles.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import { lstatExisting } from '../../fs/names.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import { lastChunk } from '../../index/queries/chunks.ts';
import { faultOfIndex } from '../indexFault.ts';
import { indexPath } from '../options.ts';
import { contentOf, looksLikeDataFile } from './fileContent.ts';
import type { Content } from './fileContent.ts';

/** An action to carry out, or a problem that is only reported. */
export type Finding =
  | { readonly kind: 'kept'; readonly userid: string; readonly path: string }
  | {
      readonly kind: 'entered';
      readonly userid: string;
      readonly path: string;
      /** The path that backups.db named before; null if it named none. */
      readonly instead: string | null;
      /** A remark that explains the choice; null if the choice is obvious. */
      readonly remark: string | null;
    }
  /** An entry of backups.db whose file does not exist, or that is wrong. */
  | { readonly kind: 'missing'; readonly userid: string; readonly path: string; readonly reason: string }
  /** An empty data file that no entry names. */
  | { readonly kind: 'orphan'; readonly path: string }
  /** The data file is gone, but a previous one exists and can be put back. */
  | { readonly kind: 'restorable'; readonly userid: string; readonly path: string; readonly previous: string }
  /** A file left by an interrupted compact, reindex or move. It can be removed. */
  | { readonly kind: 'leftover'; readonly path: string; readonly dataPath: string }
  /** A file that stays as it is. `isWrong`: an administrator should check the file. */
  | { readonly kind: 'left'; readonly path: string; readonly reason: string; readonly isWrong: boolean };

/** Returns a userid in readable form. */
const shown = (userid: string): string => Buffer.from(userid, 'latin1').toString('utf8');

interface Candidate extends Content {
  readonly path: string;
  readonly owner: string;
  readonly remark: string | null;
}

/**
 * Makes the plan.
 *
 * - `found`: all files below the partitions; a plain string is a file that belongs to no backup.
 * - `entries`: the present content of backups.db.
 * - `faults`: for each userid with a wrong entry, the reason why the entry must not be used.
 */
export function planReconstruct(
  found: Iterable<BackupFile | string>,
  entries: ReadonlyMap<string, string>,
  deletedPrefix: string,
  faults: ReadonlyMap<string, string> = new Map(),
): Finding[] {
  const findings: Finding[] = [];
  const named = new Map([...entries].map(([userid, path]) => [path, userid]));
  const candidates = new Map<string, Candidate[]>();
  const previous = new Map<string, BackupFile[]>();
  for (const file of found) {
    if (typeof file === 'string') findings.push(left(file, 'no file of a backup', false));
    else if (file.role === 'data') {
      if (named.has(file.path)) continue;
      if (isOrphan(file.path)) {
        findings.push({ kind: 'orphan', path: file.path });
        continue;
      }
      const candidate = look(file, deletedPrefix);
      if ('kind' in candidate) findings.push(candidate);
      else push(candidates, candidate.owner, candidate);
    } else if (file.role === 'previous') push(previous, file.dataPath, file);
    else findings.push(...sideFinding(file));
  }
  for (const [userid, path] of entries) {
    const others = candidates.get(userid) ?? [];
    candidates.delete(userid);
    const fault = faults.get(userid);
    if (fault === undefined && isFile(path)) {
      findings.push({ kind: 'kept', userid, path });
      for (const other of others) findings.push(left(other.path, `${shown(userid)} has ${path}`, true));
    } else if (others.length > 0) findings.push(...choose(userid, others, path));
    else if (fault === undefined) findings.push(...gone(userid, path, previous));
    else findings.push({ kind: 'missing', userid, path, reason: fault });
  }
  for (const [userid, its] of candidates) findings.push(...choose(userid, its, null));
  return [...findings, ...orphanedPrevious(previous, entries)].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

const isFile = (path: string): boolean => disk.lstat(path)?.isFile() === true;

/**
 * Reports whether a data file has never held anything. Such a file is empty, and has either no
 * index or an index without chunks.
 */
export function isOrphan(path: string): boolean {
  if (disk.lstat(path)?.size !== 0) return false;
  return (
    sideFiles(path).every(({ role }) => role === 'index' || role === 'search') && hasNoChunks(indexPath(path))
  );
}

function hasNoChunks(path: string): boolean {
  const index = IndexFile.peek(path);
  try {
    return index === null || lastChunk(index) === undefined;
  } catch (error) {
    // The index cannot be read, so the data file may once have held something.
    if (faultOfIndex(error, path) === null) throw error;
    return false;
  } finally {
    index?.close();
  }
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

const left = (path: string, reason: string, isWrong: boolean): Finding => ({
  kind: 'left',
  path,
  reason,
  isWrong,
});

/** Returns the data file's owner, or a finding that explains why the file has no owner. */
function look(file: BackupFile, deletedPrefix: string): Candidate | Finding {
  try {
    if (!looksLikeDataFile(file.path)) return left(file.path, 'no data file: it does not begin as one', true);
    const content = contentOf(file.path, lstatExisting(file.path).size, deletedPrefix);
    const owner = content.userid ?? file.userid;
    const remarks = [
      ...(owner === file.userid
        ? []
        : [`named for ${shown(file.userid)}, its mailboxes are ${shown(owner)}'s`]),
      ...(content.others.length === 0
        ? []
        : [`it also has mailboxes of ${content.others.map(shown).join(', ')}`]),
      ...(content.userid === null ? ['known by its name only: it has no mailboxes'] : []),
    ];
    return { ...content, path: file.path, owner, remark: remarks.length === 0 ? null : remarks.join('; ') };
  } catch (error) {
    const reason = error instanceof BackupError ? error.message : `internal error: ${messageOf(error)}`;
    return left(file.path, reason, true);
  }
}

/** Chooses the data file that was written last. If several were, chooses the largest of them. */
function choose(userid: string, candidates: readonly Candidate[], instead: string | null): Finding[] {
  const ranked = candidates.toSorted(
    (a, b) =>
      (b.lastTime ?? 0) - (a.lastTime ?? 0) || b.sizeBytes - a.sizeBytes || (a.path < b.path ? -1 : 1),
  );
  const [first, ...others] = ranked as [Candidate, ...Candidate[]];
  const remarks = [
    ...(first.remark === null ? [] : [first.remark]),
    ...(others.length === 0 ? [] : [`the last written of ${candidates.length}`]),
  ];
  const remark = remarks.length === 0 ? null : remarks.join('; ');
  return [
    { kind: 'entered', userid, path: first.path, instead, remark },
    ...others.map(({ path }) =>
      left(path, `${shown(userid)} has ${first.path}, which was written later or is larger`, true),
    ),
  ];
}

function gone(userid: string, path: string, previous: Map<string, BackupFile[]>): Finding[] {
  const newest = newestOf(previous.get(path) ?? []);
  previous.delete(path);
  if (newest === undefined) return [{ kind: 'missing', userid, path, reason: `${path} is not there` }];
  return [{ kind: 'restorable', userid, path, previous: newest.path }];
}

/** Returns the newest file. The name of each file ends in its time. */
function newestOf(files: readonly BackupFile[]): BackupFile | undefined {
  const time = ({ path }: BackupFile): number => Number(path.slice(path.lastIndexOf('.') + 1));
  return files.toSorted((a, b) => time(b) - time(a))[0];
}

function sideFinding(file: BackupFile): Finding[] {
  if (file.role === 'unfinished') return [{ kind: 'leftover', path: file.path, dataPath: file.dataPath }];
  if (file.role === 'torn') return [left(file.path, 'bytes that a crash tore off, kept aside', false)];
  if (disk.exists(file.dataPath) || file.role === 'previous-index') return [];
  return [left(file.path, 'an index without its data file', true)];
}

/**
 * Reports previous data files. If the current data file exists, they are kept copies. Otherwise
 * they are all that is left of the backup.
 */
function orphanedPrevious(
  previous: Map<string, BackupFile[]>,
  entries: ReadonlyMap<string, string>,
): Finding[] {
  return [...previous].flatMap(([dataPath, files]) => {
    if (disk.exists(dataPath))
      return files.map(({ path }) => left(path, 'kept by backup_keep_previous', false));
    const newest = newestOf(files) as BackupFile;
    if (entries.has(newest.userid))
      return [left(newest.path, `a data file of before; ${shown(newest.userid)} has another`, true)];
    return [{ kind: 'restorable', userid: newest.userid, path: dataPath, previous: newest.path }];
  });
}
