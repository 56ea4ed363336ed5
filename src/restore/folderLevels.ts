/**
 * The levels of a mailbox's name for destinations that are not Cyrus servers. The levels are
 * Unicode text and start below the user; the INBOX is the single level `INBOX`, and a shared
 * mailbox keeps all of its levels. Names that are not well-formed stay as they are.
 */
import { parseName } from '../mailbox/names.ts';
import { decodeMutf7 } from '../mailbox/mutf7.ts';

/** Returns the name's levels: at least one, and none of them empty. */
export function folderLevels(internal: string, deletedPrefix: string): string[] {
  const { boxes, localpart, deletedAt } = parseName(internal, deletedPrefix);
  const levels = boxes.map(readable);
  if (levels.length === 0 && localpart !== undefined) levels.push('INBOX');
  // Two mailboxes deleted under the same name stay separate.
  if (deletedAt !== undefined) levels.push(`deleted-${deletedAt.toString(16).toUpperCase()}`);
  return levels.map((level) => (level === '' ? '_' : level));
}

/**
 * Decodes modified UTF-7, or UTF-8 as newer servers store names. A name in neither encoding is read
 * as latin1.
 */
function readable(bytes: string): string {
  const utf8 = Buffer.from(bytes, 'latin1').toString('utf8');
  const text = utf8.includes('\ufffd') ? bytes : utf8;
  return decodeMutf7(text) ?? text;
}
