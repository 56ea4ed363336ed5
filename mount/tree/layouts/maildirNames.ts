/**
 * Folder names in Maildir++. All folders are in one directory, such as `.Archive.2024`. The levels
 * of a mailbox name are separated by dots and encoded in modified UTF-7. Within a level, a dot
 * becomes `%2E`, a slash `%2F` and a percent sign `%25`. If the result equals one of the mount's
 * own names, its first letter is escaped as %XX.
 */
import { decodeSegment, shortened } from '../../../src/mailbox/pathSegment.ts';
import type { StructureFolder } from '../views/structure.ts';

const INBOX = 'INBOX';
/**
 * The mount's own names. If Maildir is the default view, they are in the same directory as the
 * Maildir's folders.
 */
const RESERVED = /^(deleted|at|plain|maildir|mh|mbox|search|sieve|subscriptions|chunks|metrics)$/;

/** All mailboxes except INBOX, by folder name. The map is computed once per structure. */
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

const DELETED_MARK = /%deleted-[0-9A-Za-z%~]*$/;

/**
 * Converts one level of a path in the plain tree to Maildir++. Every `%` in the mailbox's own name
 * is escaped. The marks of the plain tree (cut, deleted, empty, a folder called INBOX) therefore
 * never collide with another folder's name.
 */
function maildirLevel(segment: string): string {
  const mark = DELETED_MARK.exec(segment)?.[0] ?? '';
  const name = segment.slice(0, segment.length - mark.length);
  const level = decodeSegment(name);
  if (level === '') return `%empty${mark}`;
  const known = level?.replace(/[%./\x00-\x1f\x7f-\xff]/g, percent);
  return (
    (known ??
      Buffer.from(name, 'utf8')
        .toString('latin1')
        .replace(/[./\x7f-\xff]/g, percent)) + mark
  );
}

function percent(text: string): string {
  return `%${text.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function folderName(levels: readonly string[]): string {
  const joined = levels.join('.');
  const safe = RESERVED.test(joined) ? percent(joined.charAt(0)) + joined.slice(1) : joined;
  return shortened(`.${safe}`);
}
