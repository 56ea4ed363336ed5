/** Where a mailbox of the backup goes: under its own name, under another, or into a folder apart from living ones. */
import { internalName, parseName } from '../../mailbox/names.ts';
import { trimDeleted } from './selection.ts';

export interface NamingOptions {
  /** -M: everything into this one mailbox (internal name). */
  readonly mailbox: string | undefined;
  /** --into: levels of a folder below the user, such as Restored and 2026-11-20. */
  readonly into: readonly string[];
  /** -D: deleted mailboxes keep their names. */
  readonly keepsDeleted: boolean;
  readonly deletedPrefix: string;
}

/** The levels of `Restored/{date}`; `{date}` and `{time}` are those of `now`, in local time. */
export function intoLevels(text: string, now: Date): string[] {
  const pad = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
  const time = `${pad(now.getHours())}${pad(now.getMinutes())}${pad(now.getSeconds())}`;
  return text
    .replaceAll('{date}', date)
    .replaceAll('{time}', time)
    .split('/')
    .filter((level) => level !== '');
}

/** Internal name to internal name. An INBOX becomes a folder INBOX where it goes into another folder. */
export function targetName(name: string, options: NamingOptions): string {
  if (options.mailbox !== undefined) return options.mailbox;
  const former = options.keepsDeleted ? name : trimDeleted(name, options.deletedPrefix);
  if (options.into.length === 0) return former;
  const parsed = parseName(former, options.deletedPrefix);
  const isInbox = parsed.localpart !== undefined && parsed.boxes.length === 0;
  const boxes = [...options.into, ...(isInbox ? ['INBOX'] : parsed.boxes)];
  return internalName({ ...parsed, deletedAt: undefined, boxes }, options.deletedPrefix);
}
