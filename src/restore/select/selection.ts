/**
 * Selects what to restore from a backup: mailboxes by name, pattern or uniqueid, messages by GUID,
 * with filters on messages. Names are in internal form here; the command line converts an
 * administrator's names.
 *
 * Deleted mailboxes (DELETED.…, or removed completely but still in the backup) are selected only on
 * request: by name, by uniqueid, or with `withDeleted`. Otherwise a rebuilt server would get back
 * everything that people threw away.
 */
import { holdsMail } from '../../mailbox/mailboxType.ts';
import { optionalString } from '../../protocol/dlist.ts';
import { inboxOf, parseName, internalName, sharedUserid } from '../../mailbox/names.ts';
import { parseState } from '../../index/fold/state.ts';
import { mailboxById } from '../../index/queries/mailboxes.ts';
import { messageByGuid } from '../../index/queries/messages.ts';
import { recordsOfMessage } from '../../index/queries/records.ts';
import type { Mailbox } from '../../index/types.ts';
import type { MessageFilter } from './messageFilter.ts';
import { hasFilter, matches } from './messageFilter.ts';
import { selectDeletedBetween } from './deletedBetween.ts';
import type { SelectedMailbox } from './selectedMailbox.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';

/** How expunged messages are treated: left out, included, or selected alone. */
export type Expunged = 'without' | 'with' | 'only';

export interface SelectionOptions {
  /**
   * Internal names with `*` (anything) and `%` (within a level), uniqueids, GUIDs. Empty: the whole
   * user.
   */
  readonly objects: readonly string[];
  /** Includes the mailboxes below the named ones. */
  readonly isRecursive: boolean;
  readonly withDeleted: boolean;
  readonly expunged: Expunged;
  readonly filter: MessageFilter;
  /** Unix seconds: what was deleted after `from` and up to `to`. */
  readonly between: { readonly from: number; readonly to: number } | null;
  readonly deletedPrefix: string;
  /**
   * For destinations that take only mail: leaves out mailboxes that hold none, unless they are
   * named.
   */
  readonly mailOnly: boolean;
}

export interface Selection {
  readonly mailboxes: SelectedMailbox[];
  /** Mailboxes left out because of `mailOnly`. */
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

/**
 * Reports whether the mailbox was requested by uniqueid, by GUID, or by a name that contains a `#`.
 */
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

/**
 * Returns mailboxes under the deleted prefix, and those removed completely but still in the backup.
 */
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

/**
 * Finds living mailboxes by name. If there are none, or with `withDeleted`, it also searches
 * deleted ones by their former names.
 */
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

/** Reports whether the mailbox is alive, so that its name is not a former one. */
function isGoneName(mailbox: Mailbox, alive: readonly Mailbox[], options: SelectionOptions): boolean {
  return alive.includes(mailbox) && isAlive(mailbox, options);
}

function formerName({ name }: Mailbox, { deletedPrefix }: SelectionOptions): string {
  return trimDeleted(name, deletedPrefix);
}

/** Returns the name that a deleted mailbox had before. */
export function trimDeleted(name: string, deletedPrefix: string): string {
  const parsed = parseName(name, deletedPrefix);
  return parsed.deletedAt === undefined
    ? name
    : internalName({ ...parsed, deletedAt: undefined }, deletedPrefix);
}

/** Matches a full name, or one below the user's INBOX: `Archive.2024`, `INBOX`. */
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

/**
 * Selects a message in the mailboxes that have or had it; in deleted mailboxes only if no living
 * mailbox has it.
 */
function addMessage(
  source: RestoreSource,
  guid: string,
  options: SelectionOptions,
  guids: Map<number, Set<string>>,
): boolean {
  const { index } = source.reader;
  const message = messageByGuid(index, guid);
  if (message === undefined) return false;
  const holders = [...new Set(recordsOfMessage(index, message.id).map(({ mailboxId: id }) => id))];
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
  // The records of a deleted mailbox are taken as they were at the deletion, which did not change
  // them.
  const { deleted } = mailbox;
  const isLater = deleted !== null && (source.time === null || source.time < deleted);
  const all = (): Iterable<SourceRecord> => source.records(mailbox, isLater ? null : source.time);
  return filtered(
    source,
    { mailbox, state: parseState(mailbox.state), isWhole: true, records: all, allRecords: all },
    options,
  );
}

/** Narrows a mailbox to the messages that the options select. */
function filtered(
  source: RestoreSource,
  selected: SelectedMailbox,
  options: SelectionOptions,
): SelectedMailbox {
  // In an exact copy, expunged messages stay expunged. If expunged messages are requested, the user
  // wants them as living messages.
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

/** Selects single messages by GUID. Expunged ones are included, because they were asked for. */
function onlyGuids(source: RestoreSource, mailbox: Mailbox, guids: ReadonlySet<string>): SelectedMailbox {
  const all = (): Iterable<SourceRecord> => source.records(mailbox);
  return {
    mailbox,
    state: parseState(mailbox.state),
    isWhole: false,
    *records() {
      const chosen = new Map<string, SourceRecord>();
      for (const record of all()) {
        // If a message has several records, a living one is preferred.
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
