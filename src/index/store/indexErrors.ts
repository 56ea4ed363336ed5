/**
 * The only place where SQLite's result codes become kinds of BackupError.
 *
 * An index is a cache, so the kinds call for different reactions. 'damaged' means that the file is not an index that we
 * wrote: the caller drops it and folds the log again. 'no-space', 'locked' and 'io' say nothing about the content: the
 * index stays, and the caller tries again later.
 *
 * Codes: https://sqlite.org/rescode.html
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { BackupError, messageOf } from '../../errors.ts';
import type { ErrorKind } from '../../errors.ts';

/** By primary code; every other one is 'io'. */
const kindOf: ReadonlyMap<string, ErrorKind> = new Map<string, ErrorKind>([
  ['CORRUPT', 'damaged'],
  ['NOTADB', 'damaged'],
  ['FORMAT', 'damaged'],
  // The tables or columns that a statement names are not there.
  ['ERROR', 'damaged'],
  ['SCHEMA', 'damaged'],
  // The fold never breaks a rule of the schema in an index that it built itself.
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

/** Whatever went wrong with an index file. */
export class IndexError extends BackupError {
  /** Of the index file. */
  readonly path: string;
  /** A row was refused: in an index that is being built, the fault of the line and not of the index. */
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

/** Reports whether an error says that an index has to be built anew. */
export function isDamagedIndex(error: unknown): error is IndexError {
  return error instanceof IndexError && error.kind === 'damaged';
}

/** Turns what SQLite threw into an IndexError; returns anything else as it is. */
export function indexError(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  const [primary = ''] = code.split('_');
  let kind = kindOf.get(primary) ?? 'io';
  // SQLite reports a full disk as such only where it writes pages, not where it makes the -wal or -shm file.
  if ((primary === 'IOERR' || primary === 'CANTOPEN') && isFull(path)) kind = 'no-space';
  return new IndexError(kind, path, `${messageOf(error)} (SQLITE_${code})`, {
    cause: error,
    isConstraint: primary === 'CONSTRAINT',
  });
}

/** The code without its prefix `SQLITE_`; null where the error is not SQLite's. */
function sqliteCode(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code.slice('SQLITE_'.length) : null;
}

function isFull(path: string): boolean {
  try {
    const { bavail, ffree, files } = statfsSync(dirname(path));
    return bavail === 0 || (files > 0 && ffree === 0);
  } catch {
    return false;
  }
}

/** Whether a line that was folded is at fault. A full disk, or an index that is damaged, says nothing about the line. */
export function isFaultOfLine(error: unknown): error is BackupError {
  return error instanceof BackupError && (!(error instanceof IndexError) || error.isConstraint);
}
