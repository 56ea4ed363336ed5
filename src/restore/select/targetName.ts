/** Computes a mailbox's target name: its own, another one, or one in a separate folder. */
import { BackupError } from '../../errors.ts';
import { internalName, parseName } from '../../mailbox/names.ts';
import { trimDeleted } from './selection.ts';

export interface NamingOptions {
  /** -M: the one mailbox into which everything is restored (internal name). */
  readonly mailbox: string | undefined;
  /** --into: levels of a folder below the user, such as Restored and 2026-11-20. */
  readonly into: readonly string[];
  /** -D: deleted mailboxes keep their names under the deleted prefix. */
  readonly keepsDeleted: boolean;
  readonly deletedPrefix: string;
}

/**
 * Returns the levels of text such as `Restored/{date}`. `{date}` and `{time}` are taken from `now`,
 * in local time. Throws 'usage'.
 */
export function intoLevels(text: string, now: Date): string[] {
  const unknown = /\{(?!date\}|time\})[^}]*\}?/.exec(text)?.[0];
  if (unknown !== undefined) {
    throw new BackupError('usage', `--into ${text}: ${unknown} is unknown: {date} and {time} are replaced`);
  }
  const pad = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
  const time = `${pad(now.getHours())}${pad(now.getMinutes())}${pad(now.getSeconds())}`;
  return text
    .replaceAll('{date}', date)
    .replaceAll('{time}', time)
    .split('/')
    .filter((level) => level !== '');
}

/**
 * Maps an internal name to the target's internal name. Within another folder, an INBOX becomes a
 * folder called INBOX.
 */
export function targetName(name: string, options: NamingOptions): string {
  if (options.mailbox !== undefined) return options.mailbox;
  const former = options.keepsDeleted ? name : trimDeleted(name, options.deletedPrefix);
  if (options.into.length === 0) return former;
  const parsed = parseName(former, options.deletedPrefix);
  const isInbox = parsed.localpart !== undefined && parsed.boxes.length === 0;
  const boxes = [...options.into, ...(isInbox ? ['INBOX'] : parsed.boxes)];
  return internalName({ ...parsed, deletedAt: undefined, boxes }, options.deletedPrefix);
}
