/**
 * Searches one backup. The search index says which messages may match, the index of the backup
 * where they are, and the bytes of each message decide. Messages that the search index does not
 * have yet are read, so its absence costs time and never a hit.
 */
import { BlockReader } from '../backup/read/blockReader.ts';
import { BackupError } from '../errors.ts';
import { messageByGuid } from '../index/queries/messages.ts';
import { recordsOfMessage } from '../index/queries/records.ts';
import { heldMessages, heldTotals } from '../index/queries/messages.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';
import type { IndexFile } from '../index/store/indexFile.ts';
import type { Mailbox } from '../index/types.ts';
import { parseName } from '../mailbox/names.ts';
import { folderLevels } from '../restore/folderLevels.ts';
import { RestoreSource } from '../restore/source.ts';
import type { SourceRecord } from '../restore/source.ts';
import { readText } from './build.ts';
import { candidatesOf } from './query/candidates.ts';
import { FoldedText, matches } from './query/decide.ts';
import type { RecordFacts } from './query/decide.ts';
import type { Query } from './query/syntax.ts';
import { SearchIndex, searchIndexPath } from './store/searchIndex.ts';
import type { MessageText } from './text/messageText.ts';

/** With fewer candidates, their records are looked up; with more, all records are read in order. */
const FEW_CANDIDATES = 2000;

export interface Hit {
  readonly userid: string;
  readonly mailbox: Mailbox;
  /** The mailbox as text, with slashes between levels. */
  readonly mailboxText: string;
  readonly record: SourceRecord;
  readonly isDeleted: boolean;
  /** undefined if the message cannot be read; the record alone matched then. */
  readonly text: MessageText | undefined;
}

/** What the answer depends on besides the query. */
export interface SearchReport {
  /** How many messages were read because the search index does not have them. */
  scanned: number;
  /** GUIDs of messages that may match and whose bytes are missing or damaged. */
  readonly unreadable: string[];
  /** How many messages did not match and are searched only in part, because of a limit. */
  cut: number;
}

export interface SearchOptions {
  readonly userid: string;
  readonly path: string;
  readonly deletedPrefix: string;
  readonly query: Query;
  /** False if the caller needs no text: messages are then read only to decide. */
  readonly withText: boolean;
  /** Called once with the index, before the first hit. */
  readonly onOpen?: (index: IndexFile) => void;
  /** Hits with an older INTERNALDATE (unix seconds) are not wanted. */
  readonly newerThan?: () => number;
}

interface Found {
  readonly mailbox: Mailbox;
  readonly record: SourceRecord;
  readonly facts: RecordFacts;
}

/**
 * Yields the hits, the newest INTERNALDATE first. Throws errors of the backup, never of the search
 * index.
 */
export function* searchBackup(options: SearchOptions, report: SearchReport): Generator<Hit> {
  const { userid, path, query } = options;
  const source = new RestoreSource(userid, path, query.at ?? null, { isThorough: false });
  const blocks = new BlockReader(source.reader.index);
  try {
    options.onOpen?.(source.reader.index);
    const possible = possibleGuids(source, options, report);
    const found = [...findRecords(source, options, possible)];
    found.sort((a, b) => b.facts.internalDate - a.facts.internalDate || b.record.uid - a.record.uid);
    const texts = new LastText((guid) => readText(source.reader, guid, blocks));
    for (const each of found) {
      if (each.facts.internalDate < (options.newerThan?.() ?? -Infinity)) return;
      const hit = decide(each, options, texts, report);
      if (hit !== undefined) yield { userid, ...hit };
    }
  } finally {
    blocks.close();
    source.close();
  }
}

/** Keeps the text of the last message: one message is often in several mailboxes. */
class LastText {
  readonly #read: (guid: string) => MessageText;
  #guid = '';
  #text: MessageText | undefined;

  constructor(read: (guid: string) => MessageText) {
    this.#read = read;
  }

  /** Throws 'not-found' and 'damaged'. */
  of(guid: string): MessageText {
    if (this.#guid !== guid || this.#text === undefined) {
      this.#text = this.#read(guid);
      this.#guid = guid;
    }
    return this.#text;
  }
}

function decide(
  { mailbox, record, facts }: Found,
  { query: { root }, withText }: SearchOptions,
  texts: LastText,
  report: SearchReport,
): Omit<Hit, 'userid'> | undefined {
  const byRecord = matches(root, facts);
  const text = byRecord === undefined || withText ? textOf(record, texts, report) : undefined;
  if (byRecord === undefined) {
    if (text === undefined) return undefined;
    if (matches(root, facts, new FoldedText(text)) !== true) {
      if (text.isCut) report.cut += 1;
      return undefined;
    }
  }
  return { mailbox, mailboxText: facts.mailbox, record, isDeleted: facts.isDeleted, text };
}

/** Returns undefined, and notes it, if the message cannot be read. */
function textOf({ guid }: SourceRecord, texts: LastText, report: SearchReport): MessageText | undefined {
  try {
    return texts.of(guid);
  } catch (error) {
    if (!(error instanceof BackupError) || isDamagedIndex(error)) throw error;
    report.unreadable.push(guid);
    return undefined;
  }
}

/** Returns the GUIDs that may match; undefined for all. */
function possibleGuids(
  source: RestoreSource,
  { path, query }: SearchOptions,
  report: SearchReport,
): ReadonlySet<string> | undefined {
  const searchPath = searchIndexPath(path);
  let search: SearchIndex | undefined;
  try {
    search = SearchIndex.open(searchPath, 'read');
    const progress = search?.progress();
    if (search === undefined || progress === undefined) {
      report.scanned += heldTotals(source.reader.index).count;
      return undefined;
    }
    const candidates = candidatesOf(query.root, search, progress.scope);
    if (candidates === undefined) return undefined;
    const missing = missingGuids(source, search, progress);
    report.scanned += missing.length;
    return missing.length === 0 ? candidates : new Set([...candidates, ...missing]);
  } catch (error) {
    if (!isDamagedIndex(error) || error.path !== searchPath) throw error;
    report.scanned += heldTotals(source.reader.index).count;
    return undefined;
  } finally {
    search?.close();
  }
}

/** Returns the messages that the search index does not have yet. */
function missingGuids(
  source: RestoreSource,
  search: SearchIndex,
  progress: { readonly identity: string; readonly lastMessage: number; readonly held: number },
): string[] {
  const { index, indexIdentity } = source.reader;
  const { count, lastId } = heldTotals(index);
  if (progress.identity === indexIdentity && progress.held === count && progress.lastMessage === lastId)
    return [];
  const missing: string[] = [];
  for (const { guid } of heldMessages(index)) if (!search.has(guid)) missing.push(guid);
  return missing;
}

/** Yields the records of possible messages that the query does not exclude. */
function* findRecords(
  source: RestoreSource,
  options: SearchOptions,
  possible: ReadonlySet<string> | undefined,
): Generator<Found> {
  const isPresent = options.query.at === undefined;
  const mailboxes = isPresent ? source.knownMailboxes() : source.mailboxes();
  const found =
    isPresent && possible !== undefined && possible.size < FEW_CANDIDATES
      ? recordsOfGuids(source, mailboxes, possible)
      : recordsOfMailboxes(source, mailboxes, possible);
  const names = new Map<number, string>();
  for (const { mailbox, record } of found) {
    let name = names.get(mailbox.id);
    if (name === undefined) {
      name = folderLevels(mailbox.name, options.deletedPrefix).join('/').normalize('NFC');
      names.set(mailbox.id, name);
    }
    const facts = factsOf(mailbox, record, name, options.deletedPrefix);
    if (matches(options.query.root, facts) !== false) yield { mailbox, record, facts };
  }
}

type Located = Omit<Found, 'facts'>;

function* recordsOfGuids(
  source: RestoreSource,
  mailboxes: readonly Mailbox[],
  guids: ReadonlySet<string>,
): Generator<Located> {
  const byId = new Map(mailboxes.map((mailbox) => [mailbox.id, mailbox]));
  const { index } = source.reader;
  for (const guid of guids) {
    const message = messageByGuid(index, guid);
    if (message === undefined) continue;
    for (const record of recordsOfMessage(index, message.id)) {
      const mailbox = byId.get(record.mailboxId);
      if (mailbox !== undefined) yield { mailbox, record: { ...record, guid, chunkId: message.chunkId } };
    }
  }
}

function* recordsOfMailboxes(
  source: RestoreSource,
  mailboxes: readonly Mailbox[],
  guids: ReadonlySet<string> | undefined,
): Generator<Located> {
  for (const mailbox of mailboxes) {
    for (const record of source.records(mailbox)) {
      if (guids === undefined || guids.has(record.guid)) yield { mailbox, record };
    }
  }
}

function factsOf(mailbox: Mailbox, record: SourceRecord, name: string, deletedPrefix: string): RecordFacts {
  const isGone = mailbox.deleted !== null || parseName(mailbox.name, deletedPrefix).deletedAt !== undefined;
  return {
    guid: record.guid,
    mailbox: name,
    flags: record.flags.toLowerCase().split(' '),
    isDeleted: isGone || record.expunged !== null,
    sizeBytes: record.size,
    internalDate: record.internaldate,
  };
}
