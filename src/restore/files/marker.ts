/**
 * `cyrus-backups-mailbox`: a file in each folder (or beside an mbox) that names the folder's
 * mailbox. It also keeps everything that the mailbox's master sent: ACL, annotations, UIDVALIDITY.
 * A folder's name alone proves nothing: it may be shortened, or the file system may ignore case.
 */
import { asBackupError, BackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import type { Mailbox } from '../../index/types.ts';

export const MARKER = 'cyrus-backups-mailbox';

/** Byte strings are written with one character per byte. */
export function markerText(target: string, { name, state }: Pick<Mailbox, 'name' | 'state'>): string {
  return `${JSON.stringify({ mailbox: target, from: name, state }, null, 1)}\n`;
}

/**
 * Returns the mailbox that the marker names; undefined if there is no marker. Throws 'damaged' if
 * the marker cannot be read.
 */
export function markedMailbox(path: string): string | undefined {
  if (disk.lstat(path)?.isFile() !== true) return undefined;
  try {
    const marker: unknown = JSON.parse(disk.readFile(path).toString('utf8'));
    const mailbox = (marker as { mailbox?: unknown } | null)?.mailbox;
    if (typeof mailbox === 'string') return mailbox;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw asBackupError(error, path);
  }
  throw new BackupError('damaged', `${path} does not say which mailbox is there: remove it and run again`, {
    subject: path,
  });
}
