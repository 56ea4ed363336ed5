/**
 * Mailbox names in Cyrus' internal form, as latin1 byte strings: `domain!user.anne.Archive`, with
 * `.` between levels and `^` for a dot in a level. A mailbox whose deletion is delayed is called
 * `DELETED.user.anne.Doomed.6921F0A2`. Source: cyrus-imapd imap/mboxname.c (mbname_from_intname,
 * mbname_intname, mbname_extname with an admin's namespace).
 *
 * All functions depend on the name only. None asks whether the mailbox exists.
 */
/** The one backup of all mailboxes without an owner (cyrus-imapd backup/lcb.c). */
export const sharedUserid = '%SHARED';

/**
 * The longest userid, in bytes. A file name holds 255 bytes. The data file adds `_XXXXXX`, and the
 * files beside it add `.index-journal` and the like.
 */
const maxUseridBytes = 200;

/**
 * Returns why the userid (latin1 bytes) is invalid, in words that follow "userid ...". Undefined if
 * it is valid.
 *
 * A userid becomes a path component twice: in the data file's name and as a folder of the mount.
 * Cyrus' backupd let `../x` write outside of its partition. `%SHARED` is valid. Any other leading
 * percent sign is refused, so that no user can be taken for such a special name. A leading dot
 * would hide the user's folder among the mount's own views.
 */
export function whyInvalidUserid(userid: string): string | undefined {
  if (userid === sharedUserid) return undefined;
  if (userid === '') return 'is empty';
  if (userid.length > maxUseridBytes) return `is longer than ${maxUseridBytes} bytes`;
  if (userid.startsWith('.')) return 'starts with a dot';
  if (userid.startsWith('%')) return 'starts with a percent sign';
  if (userid.includes('/')) return 'holds a slash';
  if (/[\x00-\x1f\x7f]/.test(userid)) return 'holds a control character';
  return undefined;
}

export function isValidUserid(userid: string): boolean {
  return whyInvalidUserid(userid) === undefined;
}

/** A parsed mailbox name. */
export interface MailboxName {
  /** The mailbox's domain. Undefined for the default domain. */
  readonly domain: string | undefined;
  /** The owner's local part with its dots. Undefined for a shared mailbox. */
  readonly localpart: string | undefined;
  /**
   * The levels below the user, or all levels of a shared mailbox. Dots in a level are dots, not
   * `^`. Empty for an INBOX.
   */
  readonly boxes: readonly string[];
  /**
   * Unix seconds of the deletion, or 0 if the name's last level is not a hex number. Undefined for
   * a living mailbox.
   */
  readonly deletedAt: number | undefined;
}

/** The default of `deletedprefix` in imapd.conf. */
export const defaultDeletedPrefix = 'DELETED';

export function parseName(internal: string, deletedPrefix = defaultDeletedPrefix): MailboxName {
  const bang = internal.indexOf('!');
  const domain = bang > 0 ? internal.slice(0, bang) : undefined;
  const boxes = internal
    .slice(bang + 1)
    .split('.')
    .map((box) => box.replaceAll('^', '.'));
  let deletedAt: number | undefined;
  if (boxes.length > 2 && boxes[0] === deletedPrefix) {
    boxes.shift();
    const hex = boxes.pop()!;
    deletedAt = /^[0-9A-Fa-f]{1,8}$/.test(hex) ? Number.parseInt(hex, 16) : 0;
  }
  let localpart: string | undefined;
  if (boxes.length > 1 && boxes[0] === 'user') {
    boxes.shift();
    localpart = boxes.shift();
  }
  return { domain, localpart, boxes, deletedAt };
}

/** Returns the internal form of a parsed name: the inverse of parseName. */
export function internalName(name: MailboxName, deletedPrefix = defaultDeletedPrefix): string {
  const boxes = [
    ...(name.deletedAt === undefined ? [] : [deletedPrefix]),
    ...(name.localpart === undefined ? [] : ['user', name.localpart]),
    ...name.boxes,
  ].map((box) => box.replaceAll('.', '^'));
  if (name.deletedAt !== undefined) boxes.push(name.deletedAt.toString(16).toUpperCase());
  return (name.domain === undefined ? '' : `${name.domain}!`) + boxes.join('.');
}

function useridOf({ localpart, domain }: MailboxName): string | null {
  if (localpart === undefined) return null;
  return domain === undefined ? localpart : `${localpart}@${domain}`;
}

/**
 * Returns the userid whose backup the mailbox belongs to, or null for a shared one. A deleted
 * mailbox still belongs to its user.
 */
export function ownerOf(internal: string, deletedPrefix = defaultDeletedPrefix): string | null {
  return useridOf(parseName(internal, deletedPrefix));
}

/** Like ownerOf, but returns %SHARED for shared mailboxes: the key in backups.db. */
export function backupUseridOf(internal: string, deletedPrefix = defaultDeletedPrefix): string {
  return ownerOf(internal, deletedPrefix) ?? sharedUserid;
}

/**
 * Returns the unix seconds at which the mailbox was deleted, taken from its name. Returns undefined
 * if the mailbox is not deleted.
 */
export function deletedAtOf(internal: string, deletedPrefix = defaultDeletedPrefix): number | undefined {
  return parseName(internal, deletedPrefix).deletedAt;
}

/** Reports whether the name is that of a user's INBOX that is not deleted. */
export function isInbox(internal: string): boolean {
  const { localpart, boxes, deletedAt } = parseName(internal);
  return localpart !== undefined && boxes.length === 0 && deletedAt === undefined;
}

/** Returns the internal name of a user's INBOX. The domain is the part after the last at sign. */
export function inboxOf(userid: string): string {
  const at = userid.lastIndexOf('@');
  const localpart = at === -1 ? userid : userid.slice(0, at);
  const domain = at === -1 ? undefined : userid.slice(at + 1);
  return internalName({ domain, localpart, boxes: [], deletedAt: undefined });
}

export interface NamespaceOptions {
  /** unixhierarchysep in imapd.conf: levels are separated by `/`, and dots in a level stay dots. */
  readonly unixHierarchySep: boolean;
  /** virtdomains in imapd.conf: a name ends with `@domain`. */
  readonly virtDomains: boolean;
  /** defaultdomain in imapd.conf: internal names omit it. */
  readonly defaultDomain?: string;
  readonly deletedPrefix?: string;
}

/** Returns the name as an admin sees it over IMAP: `user/anne/Archive@example.com`. */
export function toAdmin(internal: string, options: NamespaceOptions): string {
  const separator = options.unixHierarchySep ? '/' : '.';
  const { domain } = parseName(internal);
  const local = domain === undefined ? internal : internal.slice(domain.length + 1);
  const levels = local.split('.').map((box) => (options.unixHierarchySep ? box.replaceAll('^', '.') : box));
  return levels.join(separator) + (domain !== undefined && options.virtDomains ? `@${domain}` : '');
}

/**
 * Returns the internal form of an admin's name. A name without a domain belongs to the default
 * domain.
 */
export function fromAdmin(admin: string, options: NamespaceOptions): string {
  const at = options.virtDomains ? admin.lastIndexOf('@') : -1;
  const domain = at === -1 ? '' : admin.slice(at + 1);
  const local = at === -1 ? admin : admin.slice(0, at);
  const levels = options.unixHierarchySep
    ? local.split('/').map((box) => box.replaceAll('.', '^'))
    : local.split('.');
  const prefix = domain === '' || domain === options.defaultDomain ? '' : `${domain}!`;
  return prefix + levels.join('.');
}
