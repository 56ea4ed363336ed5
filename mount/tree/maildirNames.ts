/**
 * Folders as Maildir++ has them: all in one folder, `.Archive.2024`, levels in modified UTF-7 and parted by dots. A dot in a
 * level is `%2E`, a slash `%2F`, a percent sign `%25`; a folder that would be one of the mount's own names has its first letter as a %XX.
 */
import { decodeSegment, shortened } from '../../src/mailbox/pathSegment.ts';
import type { StructureFolder } from './structure.ts';

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

const DELETED_MARK = /%deleted-[0-9A-Za-z%~]*$/;

/**
 * A level of the plain tree, as it stands there, as Maildir++ has it. Each `%` of a name is escaped; so what the plain tree has marked with
 * one (cut, deleted, empty, a folder called INBOX) is no other folder's name.
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
