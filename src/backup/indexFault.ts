/**
 * Decides whether an error that arose while an index was read means that the index is damaged.
 * SQLite notices a damaged page, but not a number or a text that is merely wrong. That shows as an
 * offset or a date that is impossible.
 */
import { BackupError, messageOf } from '../errors.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';

/** Returns what is wrong with the index, in words, or null if the error says nothing about it. */
export function faultOfIndex(error: unknown, indexPath: string): string | null {
  if (isDamagedIndex(error)) return error.path === indexPath ? error.message : null;
  // A caller may have wrapped it in an error that names the file.
  const thrown = error instanceof BackupError && error.kind === 'io' ? error.cause : error;
  const isNonsense =
    thrown instanceof RangeError || thrown instanceof TypeError || thrown instanceof SyntaxError;
  return isNonsense ? `${indexPath}: the index holds what cannot be: ${messageOf(thrown)}` : null;
}
