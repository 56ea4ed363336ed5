/**
 * Computes a mailbox's name in each file format from its internal name. Names are made from the
 * mailbox's name alone: every run makes the same names, and no two mailboxes share one. Each
 * component fits into 255 bytes; a longer component is cut and ends with `%~` and a hash of the
 * whole. The mailbox's own name is kept in a file (see marker.ts).
 */
import { hashedName, percent, shortened } from '../../mailbox/fileName.ts';
import { encodeMutf7 } from '../../mailbox/mutf7.ts';
import { parseName } from '../../mailbox/names.ts';
import { toPathSegments } from '../../mailbox/path.ts';
import { MARKER } from './marker.ts';

const MAX_BYTES = 255;
/**
 * Leaves room for the names of an mbox's side files, such as `.NAME.cyrus-backups-mailbox`, and for
 * `.sbd`.
 */
const MBOX_BYTES = MAX_BYTES - MARKER.length - 8;

/**
 * Returns the alternative name of a mailbox whose usual name is already used on this file system,
 * for instance by a name that differs only in case.
 */
export function otherName(name: string, mailbox: string, maxBytes = MAX_BYTES): string {
  return hashedName(name, `other ${mailbox}`, maxBytes);
}

/**
 * Returns the Maildir++ name: a dot in front and between levels, in modified UTF-7; '' for the
 * INBOX. A dot within a level becomes `%2E`. A folder called INBOX has its first letter escaped,
 * since IMAP servers would mistake it for the INBOX.
 */
export function maildirName(mailbox: string, deletedPrefix: string): string {
  const { boxes, localpart, domain, deletedAt } = parseName(mailbox, deletedPrefix);
  const levels = boxes.map(maildirLevel);
  if (localpart === undefined && domain !== undefined)
    levels[0] = maildirLevel(`${domain}!${boxes[0] ?? ''}`);
  if (/^inbox$/i.test(levels[0] ?? '')) levels[0] = percent(levels[0]![0]!) + levels[0]!.slice(1);
  const time = mailbox.slice(mailbox.lastIndexOf('.') + 1);
  const deleted = deletedAt === undefined ? '' : `%deleted-${maildirLevel(time)}`;
  if (levels.length === 0) return deleted === '' ? '' : `.INBOX${deleted}`;
  return shortened(`.${levels.join('.')}${deleted}`, MAX_BYTES);
}

function maildirLevel(level: string): string {
  if (level === '') return '%empty';
  const raw = Buffer.from(level, 'latin1');
  const text = raw.toString('utf8');
  const isUtf8 = /[\x80-\xff]/.test(level) && raw.equals(Buffer.from(text, 'utf8'));
  return (isUtf8 ? encodeMutf7(text) : level).replaceAll(
    /%(?=[0-9A-F]{2}|~|empty|deleted-)|[./\x00-\x1f\x7f-\xff]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Files beside the folders of a user. */
const SIDE_FILES = /^(?:sieve|subscriptions|cyrus-backups-.*)$/i;

/**
 * Returns the path of an mbox. Each parent folder is `NAME.sbd`, and no other name ends with
 * `.sbd`.
 */
export function mboxPath(mailbox: string, deletedPrefix: string): string[] {
  const names = toPathSegments(mailbox, deletedPrefix).map((segment, index) => {
    const free = index === 0 && SIDE_FILES.test(segment) ? escapeFirst(segment) : segment;
    return shortened(free.replace(/\.(?=sbd$)/i, percent), MBOX_BYTES);
  });
  return names.map((name, index) => (index === names.length - 1 ? name : `${name}.sbd`));
}

/** Characters that Windows does not allow in a file name, or drops from its end. */
const NOT_ON_WINDOWS = /[\\:*?"<>|]|[. ]$/g;
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)/i;
/** Files beside the messages of a folder. */
const IN_FOLDER = /^(?:messages\.json|cyrus-backups-.*|[0-9]+-[0-9]+\.eml)$/i;

/** Returns the path of a folder in a zip, which may be unpacked on any system. */
export function zipPath(mailbox: string, deletedPrefix: string): string[] {
  return toPathSegments(mailbox, deletedPrefix).map((segment, index) => {
    const isTaken = IN_FOLDER.test(segment) || DEVICE.test(segment);
    const free = isTaken || (index === 0 && SIDE_FILES.test(segment)) ? escapeFirst(segment) : segment;
    return shortened(free.replaceAll(NOT_ON_WINDOWS, percent), MAX_BYTES);
  });
}

/** Returns the name with its first letter as %XX. */
function escapeFirst(name: string): string {
  return percent(name.charAt(0)) + name.slice(1);
}
