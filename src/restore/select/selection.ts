/**
 * What of a backup is meant: mailboxes by name, pattern or uniqueid, messages by GUID, and filters on messages. Names are
 * in internal form here; whoever reads a command line turns an admin's into those.
 *
 * Of deleted mailboxes (DELETED.…, or gone for good but still in the backup) only those are meant that are asked for: by
 * name, by uniqueid, or with `withDeleted`. A lost server must not come back with everything that people threw away.
 */
import { holdsMail } from '../../mailbox/mailboxType.ts';
import { optionalString } from '../../protocol/dlist.ts';
import { inboxOf, parseName, internalName, sharedUserid } from '../../mailbox/names.ts';
import { parseState } from '../../index/fold/state.ts';
import { mailboxById, messageByGuid, recordsOfMessage } from '../../index/queries/current.ts';
import type { Mailbox } from '../../index/types.ts';
import type { MessageFilter } from './messageFilter.ts';
import { hasFilter, matches } from './messageFilter.ts';
import { selectDeletedBetween } from './deletedBetween.ts';
import type { SelectedMailbox } from './selectedMailbox.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';

/** Expunged messages: not, too, or only those. */
export type Expunged = 'without' | 'with' | 'only';

export interface SelectionOptions {
  /** Internal names with `*` (anything) and `%` (within a level), uniqueids, GUIDs. Empty: the whole user. */
  readonly objects: readonly string[];
  /** Mailboxes below those named, too. */
  readonly isRecursive: boolean;
  readonly withDeleted: boolean;
  readonly expunged: Expunged;
  readonly filter: MessageFilter;
  /** Unix seconds: what was deleted after `from` and up to `to`. */
  readonly between: { readonly from: number; readonly to: number } | null;
  readonly deletedPrefix: string;
  /** Only mailboxes that hold mail, but for those named: for destinations that take nothing else. */
  readonly mailOnly: boolean;
}

export interface Selection {
  readonly mailboxes: SelectedMailbox[];
  /** Mailboxes that `mailOnly` leaves out. */
  readonly leftOut: Mailbox[];
  /** Objects that are not in the backup. */
  readonly missing: string[];
}

export function select(source: RestoreSource, options: SelectionOptions): Selection {
  const selection = selectAll(source, options);
  if (!options.mailOnly) return { ...selection, leftOut: [] };
  const isMeant = (each: SelectedMailbox): boolean => isMail(each, options) || isAskedFor(each, options);
  return {
    mailboxes: selection.mailboxes.filter(isMeant),
    leftOut: selection.mailboxes.filter((each) => !isMeant(each)).map(({ mailbox }) => mailbox),
    missing: selection.missing,
  };
}

function isMail({ mailbox, state }: SelectedMailbox, { deletedPrefix }: SelectionOptions): boolean {
  return holdsMail(parseName(mailbox.name, deletedPrefix).boxes, optionalString(state, 'MBOXTYPE'));
}

/** By uniqueid, by GUID, or by a name that says what it is. */
function isAskedFor({ mailbox, isWhole }: SelectedMailbox, { objects }: SelectionOptions): boolean {
  return objects.some(
    (object) => object === mailbox.uniqueid || object.includes('#') || (!isWhole && isGuid(object)),
  );
}

function isGuid(object: string): boolean {
  return /^[0-9a-f]{40}$/i.test(object);
}

function selectAll(source: RestoreSource, options: SelectionOptions): Omit<Selection, 'leftOut'> {
  if (options.between !== null) {
    const { from, to } = options.between;
    const found = selectDeletedBetween(source, from, to, options.deletedPrefix);
    const named =
      options.objects.length === 0 ? found : found.filter(({ mailbox }) => isNamed(mailbox, source, options));
    return { mailboxes: named.map((each) => filtered(source, each, options)), missing: [] };
  }
  if (options.objects.length === 0) {
    const mailboxes = source.mailboxes().filter((mailbox) => isAlive(mailbox, options));
    if (options.withDeleted) mailboxes.push(...deletedMailboxes(source, options));
    return { mailboxes: mailboxes.map((mailbox) => whole(source, mailbox, options)), missing: [] };
  }
  return selectObjects(source, options);
}

/** Those under a name with the deleted prefix, and those that went for good but are still in the backup. */
function deletedMailboxes(source: RestoreSource, options: SelectionOptions): Mailbox[] {
  const delayed = source.mailboxes().filter((mailbox) => !isAlive(mailbox, options));
  return [...delayed, ...source.goneMailboxes()];
}

function isAlive({ name }: Mailbox, { deletedPrefix }: SelectionOptions): boolean {
  return parseName(name, deletedPrefix).deletedAt === undefined;
}

function selectObjects(source: RestoreSource, options: SelectionOptions): Omit<Selection, 'leftOut'> {
  const chosen = new Map<number, SelectedMailbox>();
  const guids = new Map<number, Set<string>>();
  const missing: string[] = [];
  const alive = source.mailboxes();
  const gone = source.knownMailboxes().filter(({ id }) => !alive.some((mailbox) => mailbox.id === id));
  for (const object of options.objects) {
    if (isGuid(object)) {
      if (!addMessage(source, object.toLowerCase(), options, guids)) missing.push(object);
      continue;
    }
    const found = findMailboxes(object, [...alive, ...gone], alive, source.userid, options);
    if (found.length === 0) missing.push(object);
    for (const mailbox of found) chosen.set(mailbox.id, whole(source, mailbox, options));
  }
  for (const [id, wanted] of guids) {
    if (chosen.has(id)) continue;
    const mailbox = [...alive, ...gone].find((each) => each.id === id);
    if (mailbox !== undefined) chosen.set(id, onlyGuids(source, mailbox, wanted));
  }
  const mailboxes = [...chosen.values()].toSorted((a, b) => (a.mailbox.name < b.mailbox.name ? -1 : 1));
  return { mailboxes, missing };
}

/** A name that no living mailbox has is looked for among the deleted ones, under the name that they had. */
function findMailboxes(
  object: string,
  all: readonly Mailbox[],
  alive: readonly Mailbox[],
  userid: string,
  options: SelectionOptions,
): Mailbox[] {
  const byId = all.filter(({ uniqueid }) => uniqueid === object);
  if (byId.length > 0) return byId;
  const pattern = patternOf(object, userid, options.isRecursive);
  const living = alive.filter(({ name }) => pattern.test(name));
  const deleted = (): Mailbox[] =>
    all.filter(
      (mailbox) => !isGoneName(mailbox, alive, options) && pattern.test(formerName(mailbox, options)),
    );
  if (living.length > 0) return options.withDeleted ? [...new Set([...living, ...deleted()])] : living;
  return deleted();
}

/** A living mailbox is no former one. */
function isGoneName(mailbox: Mailbox, alive: readonly Mailbox[], options: SelectionOptions): boolean {
  return alive.includes(mailbox) && isAlive(mailbox, options);
}

function formerName({ name }: Mailbox, { deletedPrefix }: SelectionOptions): string {
  return trimDeleted(name, deletedPrefix);
}

/** The name that a deleted mailbox had. */
export function trimDeleted(name: string, deletedPrefix: string): string {
  const parsed = parseName(name, deletedPrefix);
  return parsed.deletedAt === undefined
    ? name
    : internalName({ ...parsed, deletedAt: undefined }, deletedPrefix);
}

/** A whole name, or one below the user's INBOX: `Archive.2024`, `INBOX`. */
function patternOf(object: string, userid: string, isRecursive: boolean): RegExp {
  const source = (text: string): string =>
    text
      .replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('%', '[^.]*');
  const names = [object];
  if (userid !== sharedUserid) {
    const inbox = inboxOf(userid);
    names.push(`${inbox}.${object}`);
    if (/^INBOX(?:\.|$)/i.test(object)) names.push(`${inbox}${object.slice('INBOX'.length)}`);
  }
  const below = isRecursive ? String.raw`(?:\..*)?` : '';
  return new RegExp(`^(?:${names.map(source).join('|')})${below}$`, 's');
}

function isNamed(mailbox: Mailbox, source: RestoreSource, options: SelectionOptions): boolean {
  const former = formerName(mailbox, options);
  return options.objects.some(
    (object) =>
      object === mailbox.uniqueid || patternOf(object, source.userid, options.isRecursive).test(former),
  );
}

/** The mailboxes that have or had the message; those that were deleted only where no other has it. */
function addMessage(
  source: RestoreSource,
  guid: string,
  options: SelectionOptions,
  guids: Map<number, Set<string>>,
): boolean {
  const { index } = source.reader;
  const message = messageByGuid(index, guid);
  if (message === undefined) return false;
  const holders = [...new Set(recordsOfMessage(index, message.id).map(({ mailbox_id: id }) => id))];
  const living = holders.filter((id) => {
    const mailbox = mailboxById(index, id);
    return mailbox?.deleted === null && isAlive(mailbox, options);
  });
  for (const id of living.length > 0 ? living : holders) {
    const wanted = guids.get(id);
    if (wanted === undefined) guids.set(id, new Set([guid]));
    else wanted.add(guid);
  }
  return true;
}

function wants(record: SourceRecord, expunged: Expunged): boolean {
  if (expunged === 'with') return true;
  return (record.expunged === null) === (expunged === 'without');
}

function whole(source: RestoreSource, mailbox: Mailbox, options: SelectionOptions): SelectedMailbox {
  // A mailbox that went at some time is as it was until then: its records did not change with it.
  const { deleted } = mailbox;
  const isLater = deleted !== null && (source.time === null || source.time < deleted);
  const all = (): Iterable<SourceRecord> => source.records(mailbox, isLater ? null : source.time);
  return filtered(
    source,
    { mailbox, state: parseState(mailbox.state), isWhole: true, records: all, allRecords: all },
    options,
  );
}

/** Narrows a mailbox to what the options want of its messages. */
function filtered(
  source: RestoreSource,
  selected: SelectedMailbox,
  options: SelectionOptions,
): SelectedMailbox {
  // Exactly as it was, expunged messages stay expunged; who asks for them wants them alive.
  const isFiltered = hasFilter(options.filter) || options.expunged !== 'without';
  return {
    ...selected,
    isWhole: selected.isWhole && !isFiltered,
    *records() {
      for (const record of selected.records()) {
        if (wants(record, options.expunged) && matches(source, record, options.filter)) yield record;
      }
    },
  };
}

/** Single messages, expunged or not: who names one wants it. */
function onlyGuids(source: RestoreSource, mailbox: Mailbox, guids: ReadonlySet<string>): SelectedMailbox {
  const all = (): Iterable<SourceRecord> => source.records(mailbox);
  return {
    mailbox,
    state: parseState(mailbox.state),
    isWhole: false,
    *records() {
      const chosen = new Map<string, SourceRecord>();
      for (const record of all()) {
        // Of two records of one message the living one counts.
        const other = chosen.get(record.guid);
        if (guids.has(record.guid) && (other === undefined || other.expunged !== null)) {
          chosen.set(record.guid, record);
        }
      }
      yield* chosen.values();
    },
    allRecords: all,
  };
}
