/**
 * Errors that only a file system needs. The errno of a BackupError is in src/errors.ts. Any other
 * error is a bug or a system error of ours, and the program that asked gets EIO.
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

/**
 * Returns the positive errno for anything thrown. It is always one that the kernel accepts (it
 * rejects 512 and above).
 */
export function errnoOfError(error: unknown): number {
  if (error instanceof FsError) return constants.errno[error.code];
  if (error instanceof BackupError) return errnoOf[error.kind];
  return constants.errno.EIO;
}

/**
 * Reports whether an error points to a fault of ours, and not just to a wrong name or option in the
 * request.
 */
export function isWorthLogging(error: unknown): boolean {
  return errnoOfError(error) === constants.errno.EIO;
}
