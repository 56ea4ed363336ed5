/**
 * Selects what was deleted between two timestamps (Cyrus issue 3071): expunged messages, and the
 * messages of deleted mailboxes. Only messages that no mailbox held at the second timestamp count,
 * so a moved message is not included. A message deleted from several mailboxes (from a folder to
 * the trash, then from the trash) is restored to the mailbox that had it first.
 */
import { expungedBetween, firstSeen, livesAt } from '../../index/queries/recordHistory.ts';
import { parseState } from '../../index/fold/state.ts';
import type { Mailbox } from '../../index/types.ts';
import { parseName } from '../../mailbox/names.ts';
import type { SelectedMailbox } from './selectedMailbox.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';

/** The first of the mailboxes from which a message was deleted. */
interface Place {
  readonly mailboxId: number;
  readonly uid: number;
  readonly since: number;
}

export function selectDeletedBetween(
  source: RestoreSource,
  from: number,
  to: number,
  deletedPrefix: string,
): SelectedMailbox[] {
  source.requireNotCompacted(from);
  const { index } = source.reader;
  const lost = new Map<Mailbox, SourceRecord[]>();
  const first = new Map<string, Place>();
  const pattern = `${deletedPrefix}.*`;
  for (const mailbox of source.knownMailboxes()) {
    const records = goneRecords(source, mailbox, from, to, deletedPrefix).filter(
      (record) => !livesAt(index, record.messageId, to, pattern),
    );
    if (records.length > 0) lost.set(mailbox, records);
    for (const { uid, guid } of records) {
      const since = firstSeen(index, mailbox.id, uid);
      const known = first.get(guid);
      if (known === undefined || since < known.since) first.set(guid, { mailboxId: mailbox.id, uid, since });
    }
  }
  return [...lost].flatMap(([mailbox, records]) => {
    const here = records.filter(({ guid, uid }) => {
      const place = first.get(guid);
      return place?.mailboxId === mailbox.id && place.uid === uid;
    });
    return here.length === 0 ? [] : [selectedOf(mailbox, here)];
  });
}

function goneRecords(
  source: RestoreSource,
  mailbox: Mailbox,
  from: number,
  to: number,
  deletedPrefix: string,
): SourceRecord[] {
  const expunged = expungedBetween(source.reader.index, mailbox.id, from, to);
  const deletedAt = parseName(mailbox.name, deletedPrefix).deletedAt ?? mailbox.deleted;
  if (deletedAt === null || deletedAt <= from || deletedAt > to) return expunged;
  const withIt = [...source.records(mailbox, null)].filter((record) => record.expunged === null);
  return [...expunged, ...withIt].toSorted((a, b) => a.uid - b.uid);
}

function selectedOf(mailbox: Mailbox, records: readonly SourceRecord[]): SelectedMailbox {
  const all = (): Iterable<SourceRecord> => records;
  return { mailbox, state: parseState(mailbox.state), isWhole: false, records: all, allRecords: all };
}
