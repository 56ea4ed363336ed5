/**
 * Whether an error that arose while an index was read means that the index cannot be believed. SQLite notices a damaged
 * page, but not a number or a text in it that is merely another: that shows as an offset or a date that cannot be.
 */
import { BackupError, messageOf } from '../errors.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';

/** What is wrong with the index, in words; null where the error says nothing about it. */
export function faultOfIndex(error: unknown, indexPath: string): string | null {
  if (isDamagedIndex(error)) return error.path === indexPath ? error.message : null;
  // On its way up it may have become an error that names the file.
  const thrown = error instanceof BackupError && error.kind === 'io' ? error.cause : error;
  const isNonsense =
    thrown instanceof RangeError || thrown instanceof TypeError || thrown instanceof SyntaxError;
  return isNonsense ? `${indexPath}: the index holds what cannot be: ${messageOf(thrown)}` : null;
}
