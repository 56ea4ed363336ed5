/**
 * The only place where SQLite's result codes become kinds of BackupError. An index is a cache, so
 * the kinds call for different reactions:
 *
 * - 'damaged': the file is not an index that this project wrote. The caller drops it and folds the
 *   log again.
 * - 'no-space', 'locked' and 'io' say nothing about the content. The index stays, and the caller
 *   tries again later.
 *
 * Codes: https://sqlite.org/rescode.html
 */
import { dirname } from 'node:path';
import { BackupError, messageOf } from '../../errors.ts';
import type { ErrorKind } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';

/** Maps SQLite's primary result codes to error kinds. All other codes are 'io'. */
const kindOf: ReadonlyMap<string, ErrorKind> = new Map<string, ErrorKind>([
  ['CORRUPT', 'damaged'],
  ['NOTADB', 'damaged'],
  ['FORMAT', 'damaged'],
  // The statement names a table or column that does not exist.
  ['ERROR', 'damaged'],
  ['SCHEMA', 'damaged'],
  // The fold never violates a constraint in an undamaged index.
  ['CONSTRAINT', 'damaged'],
  ['MISMATCH', 'damaged'],
  ['FULL', 'no-space'],
  ['BUSY', 'locked'],
  ['LOCKED', 'locked'],
  ['PROTOCOL', 'locked'],
  ['TOOBIG', 'limit'],
]);

const inWords: Partial<Record<ErrorKind, string>> = {
  damaged: 'the index is damaged',
  'no-space': 'no space for the index',
  locked: 'the index is busy',
};

/** An error that concerns an index file. */
export class IndexError extends BackupError {
  /** Path of the index file. */
  readonly path: string;
  /**
   * Whether a constraint rejected a row. While an index is being built, the log line is at fault,
   * not the index.
   */
  readonly isConstraint: boolean;

  constructor(
    kind: ErrorKind,
    path: string,
    reason: string,
    detail: { cause?: unknown; isConstraint?: boolean } = {},
  ) {
    const what = inWords[kind] ?? 'the index cannot be used';
    super(kind, `${path}: ${what}: ${reason}`, { subject: path, cause: detail.cause });
    this.path = path;
    this.isConstraint = detail.isConstraint ?? false;
  }
}

/** Reports whether an error means that an index must be rebuilt. */
export function isDamagedIndex(error: unknown): error is IndexError {
  return error instanceof IndexError && error.kind === 'damaged';
}

/** Turns an error of SQLite into an IndexError. Returns any other error unchanged. */
export function indexError(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  const [primary = ''] = code.split('_');
  let kind = kindOf.get(primary) ?? 'io';
  // SQLite reports a full disk as such only when it writes pages, not when it creates the -wal or
  // -shm file.
  if ((primary === 'IOERR' || primary === 'CANTOPEN') && isFull(path)) kind = 'no-space';
  return new IndexError(kind, path, `${messageOf(error)} (SQLITE_${code})`, {
    cause: error,
    isConstraint: primary === 'CONSTRAINT',
  });
}

/** Returns the code without its prefix `SQLITE_`; null if the error is not SQLite's. */
function sqliteCode(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code.slice('SQLITE_'.length) : null;
}

function isFull(path: string): boolean {
  try {
    const { bavail, ffree, files } = disk.statfs(dirname(path));
    return bavail === 0 || (files > 0 && ffree === 0);
  } catch {
    return false;
  }
}

/**
 * Reports whether the folded line caused the error. A full disk or a damaged index is not the fault
 * of the line.
 */
export function isFaultOfLine(error: unknown): error is BackupError {
  return error instanceof BackupError && (!(error instanceof IndexError) || error.isConstraint);
}
