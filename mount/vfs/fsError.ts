/**
 * Errors that only a file system needs. src/errors.ts maps a BackupError to its errno. Any other
 * error is a bug or a system error in the mount itself, and the requesting program gets EIO.
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
 * Returns the positive errno for any thrown value. The kernel accepts every errno that this
 * function returns (it rejects 512 and above).
 */
export function errnoOfError(error: unknown): number {
  if (error instanceof FsError) return constants.errno[error.code];
  if (error instanceof BackupError) return errnoOf[error.kind];
  return constants.errno.EIO;
}

/**
 * Reports whether an error indicates a fault in the mount or the store, and not just a wrong name
 * or option in the request.
 */
export function isWorthLogging(error: unknown): boolean {
  return errnoOfError(error) === constants.errno.EIO;
}
