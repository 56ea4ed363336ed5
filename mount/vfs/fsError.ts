/**
 * Errors that mean something to a file system only. A BackupError has its errno in src/errors.ts; what
 * neither knows is a bug or a system error of ours, and EIO to the program that asked.
 */
import { constants } from 'node:os';
import { BackupError, errnoOf } from '../../src/errors.ts';

export type FsErrorName =
  | 'ENOENT'
  | 'ENOTDIR'
  | 'EISDIR'
  | 'EINVAL'
  | 'EIO'
  | 'EROFS'
  | 'ENODATA'
  | 'EOPNOTSUPP'
  | 'ERANGE'
  | 'ENAMETOOLONG'
  | 'ESTALE'
  | 'ENOSYS';

export class FsError extends Error {
  readonly code: FsErrorName;

  constructor(code: FsErrorName) {
    super(code);
    this.name = 'FsError';
    this.code = code;
  }
}

/** The positive errno of whatever was thrown, always one that the kernel takes (it refuses 512 and over). */
export function errnoOfError(error: unknown): number {
  if (error instanceof FsError) return constants.errno[error.code];
  if (error instanceof BackupError) return errnoOf[error.kind];
  return constants.errno.EIO;
}

/** Whether an error says something about us, and not merely about the name or option that was asked for. */
export function isWorthLogging(error: unknown): boolean {
  return errnoOfError(error) === constants.errno.EIO;
}
