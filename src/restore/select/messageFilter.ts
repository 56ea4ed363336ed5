/** Selects messages by sender, subject, date of arrival or UID. */
import { BackupError } from '../../errors.ts';
import { headerField } from './headerField.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';

export interface MessageFilter {
  /** null: any. */
  readonly uids: ReadonlySet<number> | null;
  /** Text that occurs anywhere in the field; case is ignored. */
  readonly from: string | null;
  readonly subject: string | null;
  /** Unix seconds: INTERNALDATE is this or later. */
  readonly since: number | null;
  /** Unix seconds: INTERNALDATE is before this. */
  readonly before: number | null;
}

export function hasFilter(filter: MessageFilter): boolean {
  return Object.values(filter).some((value) => value !== null);
}

/**
 * Tests a message. A message that cannot be read matches, so that the restore reports the damage.
 */
export function matches(source: RestoreSource, record: SourceRecord, filter: MessageFilter): boolean {
  if (filter.uids !== null && !filter.uids.has(record.uid)) return false;
  if (filter.since !== null && record.internaldate < filter.since) return false;
  if (filter.before !== null && record.internaldate >= filter.before) return false;
  if (filter.from === null && filter.subject === null) return true;
  try {
    const [head = Buffer.alloc(0)] = source.pieces(record.guid);
    return holds(head, 'from', filter.from) && holds(head, 'subject', filter.subject);
  } catch (error) {
    if (error instanceof BackupError) return true;
    throw error;
  }
}

function holds(head: Buffer, field: string, wanted: string | null): boolean {
  return wanted === null || headerField(head, field).toLowerCase().includes(wanted.toLowerCase());
}

/** Parses a list such as `1,5:9`. Throws 'usage'. */
export function parseUids(text: string): Set<number> {
  const uids = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last < first || last - first > 1_000_000) {
      throw new BackupError('usage', `--uid: ${JSON.stringify(part)} is no UID or range (such as 1,5:9)`);
    }
    for (let uid = first; uid <= last; uid += 1) uids.add(uid);
  }
  return uids;
}
