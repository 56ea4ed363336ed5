/** Names of files made from names that others chose: none leaves its folder, hides, or is too long for a file system. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

const MAX_BYTES = 180;

/** A level of a mailbox's name, or a userid, as one path component; one that had to be changed ends with a hash of what it was. */
export function safeSegment(name: string): string {
  const safe = name
    .replaceAll(/[/\\\u0000-\u001f\u007f]/g, '_')
    .replace(/^\.+/, (dots) => '_'.repeat(dots.length));
  if (safe === name && safe !== '' && Buffer.byteLength(safe) <= MAX_BYTES) return safe;
  const hash = createHash('sha1').update(name).digest('hex').slice(0, 12);
  return `${Buffer.from(safe)
    .subarray(0, MAX_BYTES - 16)
    .toString('utf8')
    .replaceAll('\ufffd', '')}~${hash}`;
}

/** A user's folder: `{user}` in the root, else one below it. */
export function userFolder(root: string, userid: string): string {
  const segment = safeSegment(Buffer.from(userid, 'latin1').toString('utf8'));
  return root.includes('{user}') ? root.replaceAll('{user}', segment) : join(root, segment);
}
