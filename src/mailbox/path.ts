/**
 * Converts a mailbox name to a path of folders in a user's tree, and back. A user's INBOX is the
 * folder `INBOX` beside the other folders (`INBOX`, `Archive/2024`). A folder that is itself called
 * INBOX therefore has its first letter escaped.
 *
 * A deleted mailbox keeps its former path, with `%deleted-HEX` at its end. HEX is the time in its
 * name, so two mailboxes deleted under one name stay distinct. Different mailboxes of one user
 * always have different paths.
 */
import { defaultDeletedPrefix, internalName, parseName, sharedUserid } from './names.ts';
import type { MailboxName } from './names.ts';
import { decodeSegment, encodeSegment, maxSegmentBytes } from './pathSegment.ts';

const inbox = 'INBOX';
const escapedInbox = '%49NBOX';
const deletedMark = '%deleted-';

/**
 * The most bytes that a deleted mailbox's name may have in its last level. Cyrus itself writes
 * eight hex digits there.
 */
const timeBytes = 64;

/**
 * Returns the folder names from a user's folder down to the mailbox (internal name). There is at
 * least one.
 */
export function toPathSegments(internal: string, deletedPrefix = defaultDeletedPrefix): string[] {
  const name = parseName(internal, deletedPrefix);
  const isUsers = name.localpart !== undefined;
  const levels = [...name.boxes];
  // A shared mailbox's domain has no folder of its own: the user's folder is %SHARED for all
  // domains.
  if (!isUsers && name.domain !== undefined) levels[0] = `${name.domain}!${levels[0] ?? ''}`;
  let mark = '';
  if (name.deletedAt !== undefined) {
    const time = internal.slice(internal.lastIndexOf('.') + 1);
    mark = deletedMark + encodeSegment(time, maxSegmentBytes - timeBytes);
  }
  const last = levels.length - 1;
  const markBytes = Buffer.byteLength(mark);
  const segments = levels.map((level, index) => encodeSegment(level, index === last ? markBytes : 0));
  if (isUsers && segments[0] === inbox) segments[0] = escapedInbox;
  if (segments.length === 0) segments.push(inbox);
  segments.push(segments.pop()! + mark);
  return segments;
}

function takeMark(segments: string[]): number | undefined {
  const match = /^(.*)%deleted-(0|[1-9A-F][0-9A-F]{0,7})$/s.exec(segments.at(-1) ?? '');
  if (match === null) return undefined;
  segments[segments.length - 1] = match[1]!;
  return Number.parseInt(match[2]!, 16);
}

function ownerParts(userid: string): Pick<MailboxName, 'domain' | 'localpart'> {
  if (userid === sharedUserid) return { domain: undefined, localpart: undefined };
  const at = userid.lastIndexOf('@');
  if (at === -1) return { domain: undefined, localpart: userid };
  return { domain: userid.slice(at + 1), localpart: userid.slice(0, at) };
}

/**
 * Returns the internal name of the mailbox at a path of the user's tree. Undefined if no mailbox
 * can be there, or if a level was cut (pathSegment.ts). To find a mailbox with a cut level, compare
 * the paths of all mailboxes.
 */
export function fromPathSegments(
  path: readonly string[],
  userid: string,
  deletedPrefix = defaultDeletedPrefix,
): string | undefined {
  const segments = [...path];
  const deletedAt = takeMark(segments);
  const owner = ownerParts(userid);
  if (owner.localpart !== undefined && segments[0] === inbox) {
    if (segments.length > 1) return undefined;
    segments.shift();
  } else if (owner.localpart !== undefined && segments[0] === escapedInbox) segments[0] = inbox;
  const boxes: string[] = [];
  for (const segment of segments) {
    const level = decodeSegment(segment);
    if (level === undefined) return undefined;
    boxes.push(level);
  }
  const internal = withSharedDomain({ ...owner, boxes, deletedAt }, deletedPrefix);
  const made = toPathSegments(internal, deletedPrefix);
  return made.length === path.length && made.every((segment, index) => segment === path[index])
    ? internal
    : undefined;
}

function withSharedDomain(name: MailboxName, deletedPrefix: string): string {
  const first = name.boxes[0] ?? '';
  const bang = first.indexOf('!');
  if (name.localpart !== undefined || bang <= 0) return internalName(name, deletedPrefix);
  const boxes = [first.slice(bang + 1), ...name.boxes.slice(1)];
  return internalName({ ...name, domain: first.slice(0, bang), boxes }, deletedPrefix);
}
