/**
 * Compares a mailbox record by record, where the checksums differ or the server has moved on. A
 * record whose number (modseq) is above the backup's last one was changed since; every other record
 * must be the same on both sides.
 */
import { parseDlist } from '../../protocol/parseText.ts';
import { KeyValues } from '../../protocol/dlist.ts';
import { printDlist } from '../../protocol/print.ts';
import { MailboxCrc } from '../../restore/cyrus/recordText.ts';
import type { ServerMailbox, ServerRecord } from '../../restore/cyrus/state/serverState.ts';
import type { SourceRecord } from '../../restore/source.ts';
import { sides } from './compareMailbox.ts';
import type { Difference } from './difference.ts';
import type { OwnMailbox } from './ownUser.ts';

/** A mailbox's records differ in at most this many places of the report. */
const MOST_NAMED = 20;

export interface ComparedRecords {
  /** The first differences by modseq, at most MOST_NAMED, and those of the server itself. */
  readonly differences: Difference[];
  /** How many records are wrong, and how many changed since. */
  readonly wrong: number;
  readonly later: number;
}

/** `records` are the backup's, by UID, with expunged ones. */
export function compareRecords(
  own: OwnMailbox,
  records: Iterable<SourceRecord>,
  server: { readonly mailbox: ServerMailbox; readonly records: readonly ServerRecord[] },
): ComparedRecords {
  const limit = BigInt(own.mailbox.highestmodseq);
  const theirs = new Map(server.records.map((record) => [record.uid, record]));
  const isAhead = server.mailbox.highestModseq > limit;
  const wrong: (Difference & { readonly modseq: bigint })[] = [];
  let [wrongCount, later] = [0, 0];
  const differ = (
    modseq: bigint,
    isLater: boolean,
    difference: Omit<Difference, 'what' | 'verdict'>,
  ): void => {
    if (isLater) {
      later += 1;
      return;
    }
    wrongCount += 1;
    wrong.push({ ...difference, what: 'record', verdict: 'wrong', mailbox: own.mailbox.name, modseq });
    if (wrong.length >= 2 * MOST_NAMED) keepFirst(wrong);
  };
  for (const record of records) {
    const there = theirs.get(record.uid);
    theirs.delete(record.uid);
    const modseq = BigInt(record.modseq);
    const place = { uid: record.uid, since: record.since };
    if (there === undefined) {
      // A server forgets expunged records after a while. A living record goes only with a change.
      if (record.expunged === null) differ(modseq, isAhead, { ...place, ...sides(brief(record), undefined) });
      continue;
    }
    const fields = differingFields(record, there);
    if (fields.length === 0) continue;
    const isChanged = BigInt(there.modseq) > limit && record.guid === there.guid;
    const [ours, others] = [0, 1].map((side) =>
      fields.map((field) => `${field[0]} ${field[side + 1]}`).join(', '),
    );
    differ(modseq, isChanged, { ...place, ...sides(ours, others) });
  }
  for (const record of theirs.values()) {
    if (record.isExpunged) continue;
    const isNew = BigInt(record.modseq) > limit;
    differ(BigInt(record.modseq), isNew, { uid: record.uid, ...sides(undefined, `GUID ${record.guid}`) });
  }
  keepFirst(wrong);
  const named = wrong.map(({ modseq: _modseq, ...difference }): Difference => difference);
  return { differences: [...named, ...serverFaults(server)], wrong: wrongCount, later };
}

function keepFirst(differences: { readonly modseq: bigint }[]): void {
  differences.sort((a, b) => (a.modseq < b.modseq ? -1 : a.modseq > b.modseq ? 1 : 0));
  differences.splice(MOST_NAMED);
}

function brief({ guid, flags }: SourceRecord): string {
  return `GUID ${guid} FLAGS (${flags})`;
}

type Field = readonly [name: string, ours: string, theirs: string];

function differingFields(ours: SourceRecord, theirs: ServerRecord): Field[] {
  const isGone = ours.expunged !== null;
  if (isGone && theirs.isExpunged) return [];
  const flags = isGone ? `${ours.flags} \\Expunged` : ours.flags;
  const fields: Field[] = [
    ['GUID', ours.guid, theirs.guid],
    ['MODSEQ', ours.modseq, theirs.modseq],
    ['FLAGS', sortedFlags(flags), sortedFlags(theirs.flags)],
    ['INTERNALDATE', String(ours.internaldate), String(theirs.internaldate)],
    ['SIZE', String(ours.size), String(theirs.size)],
    ['LAST_UPDATED', String(ours.lastUpdated), String(theirs.lastUpdated)],
    ['ANNOTATIONS', sortedAnnotations(ours.annotations), sortedAnnotations(theirs.annotations)],
  ];
  return fields.filter(([, one, other]) => one !== other);
}

function sortedFlags(flags: string): string {
  const names = flags.toLowerCase().split(' ');
  return `(${names
    .filter((name) => name !== '')
    .toSorted()
    .join(' ')})`;
}

function sortedAnnotations(text: string | null): string {
  const list = text === null ? [] : parseDlist(text);
  if (!Array.isArray(list)) return '';
  const printed = list.map((each) => {
    // A server counts the modseq of an annotation or leaves it at 0. It is no part of the value.
    if (!(each instanceof KeyValues)) return printDlist(each, 'log');
    return printDlist(new KeyValues(each.entries.filter(([key]) => key !== 'MODSEQ')), 'log');
  });
  return printed.toSorted().join(' ');
}

/** Finds a server whose stored checksum is not that of the records that it sends. */
function serverFaults(server: {
  readonly mailbox: ServerMailbox;
  readonly records: readonly ServerRecord[];
}): Difference[] {
  const crc = new MailboxCrc();
  for (const record of server.records) crc.toggle(record);
  if (crc.basic === server.mailbox.crc) return [];
  return [
    {
      what: 'checksum',
      verdict: 'wrong',
      mailbox: server.mailbox.name,
      server: `stored ${server.mailbox.crc}, of its records ${crc.basic}`,
      note: "the server's own index is damaged: reconstruct the mailbox there",
    },
  ];
}
