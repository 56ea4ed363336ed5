/**
 * Decides whether an error that occurred while reading an index means that the index is damaged.
 * SQLite detects a damaged page, but not a wrong number or a wrong text. A wrong value shows up
 * later, as an impossible offset or date.
 */
import { BackupError, messageOf } from '../errors.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';

/** Returns a description of the index's fault, or null if the error does not indicate one. */
export function faultOfIndex(error: unknown, indexPath: string): string | null {
  if (isDamagedIndex(error)) return error.path === indexPath ? error.message : null;
  // A caller may have wrapped the original error in one that names the file.
  const thrown = error instanceof BackupError && error.kind === 'io' ? error.cause : error;
  const isNonsense =
    thrown instanceof RangeError || thrown instanceof TypeError || thrown instanceof SyntaxError;
  return isNonsense ? `${indexPath}: the index holds what cannot be: ${messageOf(thrown)}` : null;
}
