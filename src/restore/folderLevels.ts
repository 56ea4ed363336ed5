/**
 * A mailbox's name for a destination that is no Cyrus server: levels in Unicode below the user, `INBOX` alone for the
 * INBOX, a shared mailbox's own levels. The inverse of nothing: names that are not well-formed stay as they are.
 */
import { parseName } from '../mailbox/names.ts';
import { decodeMutf7 } from '../mailbox/mutf7.ts';

/** At least one level, none of them empty. */
export function folderLevels(internal: string, deletedPrefix: string): string[] {
  const { boxes, localpart, deletedAt } = parseName(internal, deletedPrefix);
  const levels = boxes.map(readable);
  if (levels.length === 0 && localpart !== undefined) levels.push('INBOX');
  // Two mailboxes deleted under one name stay two.
  if (deletedAt !== undefined) levels.push(`deleted-${deletedAt.toString(16).toUpperCase()}`);
  return levels.map((level) => (level === '' ? '_' : level));
}

/** Modified UTF-7, or UTF-8 as newer servers keep names; as latin1 where it is neither. */
function readable(bytes: string): string {
  const utf8 = Buffer.from(bytes, 'latin1').toString('utf8');
  const text = utf8.includes('\ufffd') ? bytes : utf8;
  return decodeMutf7(text) ?? text;
}
