/**
 * Folders as Maildir++ has them: all in one folder, `.Archive.2024`, levels in modified UTF-7 and parted by dots. A dot in a
 * level is `%2E`, a slash `%2F`; a folder that would be one of the mount's own names has its first letter as a %XX.
 */
import { createHash } from 'node:crypto';
import { decodeSegment } from '../../src/mailbox/pathSegment.ts';
import type { StructureFolder } from './structure.ts';

const MAX_BYTES = 255;
const INBOX = 'INBOX';
/** What a user's folder has beside a Maildir where that is the default view. */
const RESERVED = /^(deleted|at|plain|maildir|mh|mbox|search|sieve|subscriptions|chunks|metrics)$/;

/** Of each mailbox but INBOX, under the name of its folder. Made once for a structure. */
const known = new WeakMap<StructureFolder, ReadonlyMap<string, StructureFolder>>();

export function maildirFolders(root: StructureFolder): ReadonlyMap<string, StructureFolder> {
  let folders = known.get(root);
  if (folders === undefined) {
    folders = new Map(named(root, []));
    known.set(root, folders);
  }
  return folders;
}

function* named(
  folder: StructureFolder,
  levels: readonly string[],
): Generator<[name: string, folder: StructureFolder]> {
  if (folder.mailbox !== null && folder.path !== INBOX) yield [folderName(levels), folder];
  for (const [segment, child] of folder.children) yield* named(child, [...levels, maildirLevel(segment)]);
}

/** A level of the plain tree, as it stands there, as Maildir++ has it. */
function maildirLevel(segment: string): string {
  // What was cut, or marked as deleted, has no inverse and stays as it is.
  const level = decodeSegment(segment) ?? segment;
  return Buffer.from(level, 'latin1')
    .toString('latin1')
    .replace(/%(?=[0-9A-F]{2})|[./\x00-\x1f\x7f-\xff]/g, percent);
}

function percent(text: string): string {
  return `%${text.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function folderName(levels: readonly string[]): string {
  const joined = levels.join('.');
  const safe = RESERVED.test(joined) ? percent(joined.charAt(0)) + joined.slice(1) : joined;
  const name = `.${safe}`;
  if (Buffer.byteLength(name) <= MAX_BYTES) return name;
  const hash = createHash('sha256').update(joined).digest('hex').slice(0, 16);
  return `${name.slice(0, MAX_BYTES - 18)}%~${hash}`;
}
