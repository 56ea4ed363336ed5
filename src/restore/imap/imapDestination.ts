/**
 * Restores one user to any IMAP server, logged in as that user. Folders are created, messages are
 * sent by APPEND with their flags and INTERNALDATE, and subscriptions are set. ImapFlow speaks the
 * protocol, and uses LITERAL+ and UIDPLUS if the server offers them.
 *
 * No message is added twice: those that a folder already holds are recognized by their bytes
 * (heldMessages.ts). So an interrupted restore is simply run again, without a state file.
 */
import { BackupError, messageOf } from '../../errors.ts';
import { ownerOf } from '../../mailbox/names.ts';
import { getString, toKeyValues } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import type { Existing, What } from '../cyrus/job.ts';
import { freshFields } from '../cyrus/recordText.ts';
import type { Destination, Move } from '../destination.ts';
import { uidSet } from '../report/flagLosses.ts';
import { messageFailure } from '../report/outcome.ts';
import type { ItemOutcome, MailboxOutcome } from '../report/outcome.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import { ImapConnection } from './connection.ts';
import type { ImapLogin } from './connection.ts';
import { FolderNames } from './folderNames.ts';
import { HeldMessages } from './heldMessages.ts';
import type { HeldMessage } from './heldMessages.ts';
import { ImapFolder, isConnection, isFatal } from './imapFolder.ts';
import { FolderFinder } from './openFolder.ts';

export interface ImapOptions extends ImapLogin {
  readonly isPlan: boolean;
  readonly existing: Existing;
  readonly what: ReadonlySet<What>;
  readonly deletedPrefix: string;
  readonly onProgress: (outcome: MailboxOutcome) => void;
}

const PROGRESS_EVERY = 50;
const NOT_COMPARED =
  'the server lists a message of this size and date but does not give it out to be compared: not added (--existing copy adds it)';

export class ImapDestination implements Destination {
  readonly carries: ReadonlySet<What> = new Set(['mail', 'flags', 'subs']);
  readonly #connection: ImapConnection;
  readonly #options: ImapOptions;
  #source: RestoreSource | undefined;
  #finder: FolderFinder | undefined;

  private constructor(connection: ImapConnection, options: ImapOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Throws 'auth' if the server rejects the login, or its certificate is not trusted. */
  static async connect(options: ImapOptions): Promise<ImapDestination> {
    return new ImapDestination(await ImapConnection.open(options), options);
  }

  async prepare(source: RestoreSource, moves: readonly Move[]): Promise<void> {
    this.#source = source;
    const { isPlan, deletedPrefix } = this.#options;
    const listed = await this.#connection.ask('LIST', (client) => client.list());
    const { namespace } = this.#connection.client;
    const delimiter = namespace?.delimiter ?? listed.find((each) => each.delimiter)?.delimiter ?? null;
    const living = source.mailboxes().map(({ name }) => name);
    const targets = moves.map(({ target }) => target);
    const names = new FolderNames(
      [...living, ...targets],
      { prefix: namespace?.prefix ?? '', delimiter },
      deletedPrefix,
    );
    this.#finder = new FolderFinder(this.#connection, names, listed, isPlan);
  }

  async restoreMailbox({ selected, target }: Move, outcome: MailboxOutcome): Promise<void> {
    const { isPlan, existing, what } = this.#options;
    const finder = this.#finder;
    const source = this.#source;
    if (finder === undefined || source === undefined) throw new BackupError('bad-parameters', 'not prepared');
    const { path, isNew, note } = await finder.open(target);
    outcome.isNew = isNew;
    if (note !== undefined) outcome.notes.push(note);
    if (!what.has('mail')) return;
    // In a plan, a folder that does not exist yet cannot be selected.
    const folder = isNew && isPlan ? undefined : await ImapFolder.open(this.#connection, path, isPlan);
    const records = (): Iterable<SourceRecord> => selected.records();
    const held =
      existing === 'copy' || isNew || folder === undefined
        ? new HeldMessages()
        : await folder.held(source, records);
    try {
      await this.#restoreMessages(source, folder, held, records(), outcome);
      await folder?.checkFlags();
    } finally {
      folder?.report(outcome);
    }
  }

  /** Restores subscriptions; IMAP has no form for the rest. */
  async restoreItems(isWholeUser: boolean): Promise<ItemOutcome[]> {
    const outcomes: ItemOutcome[] = [];
    const source = this.#source;
    if (!isWholeUser || !this.#options.what.has('subs') || source === undefined) return outcomes;
    for (const { value } of source.items('sub')) {
      const name = getString(toKeyValues(parseDlist(value), 'SUB'), 'MBOXNAME');
      outcomes.push(await this.#subscribe(name, source.userid));
    }
    return outcomes;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #restoreMessages(
    source: RestoreSource,
    folder: ImapFolder | undefined,
    held: HeldMessages,
    records: Iterable<SourceRecord>,
    outcome: MailboxOutcome,
  ): Promise<void> {
    let altered = 0;
    let fatal: BackupError | undefined;
    const unsent: number[] = [];
    for (const record of records) {
      try {
        const same = held.takeExact(record.guid);
        if (same === undefined && fatal !== undefined) {
          unsent.push(record.uid);
          continue;
        }
        const bytes = same === undefined ? source.message(record.guid) : undefined;
        const like = bytes === undefined ? undefined : held.takeAltered(bytes, record.guid);
        if (like?.isAltered === true) altered += 1;
        const there = same ?? like?.held;
        if (there !== undefined) await this.#keep(folder, record, there, outcome);
        else if (held.takeUnreadable(record)) throw new BackupError('io', NOT_COMPARED);
        else if (bytes !== undefined) await this.#append(folder, record, bytes, outcome);
      } catch (error) {
        if (!(error instanceof BackupError) || isConnection(error)) throw error;
        outcome.failures.push(messageFailure(record, messageOf(error)));
        if (isFatal(error)) fatal ??= error;
      }
      if ((outcome.added + outcome.skipped) % PROGRESS_EVERY === 0) this.#options.onProgress(outcome);
    }
    if (unsent.length > 0) outcome.failures.push(`UID ${uidSet(unsent)}: not sent after that`);
    if (altered > 0) {
      outcome.notes.push(`${altered} there already as the server stores them (other line ends or NULs)`);
    }
  }

  async #keep(
    folder: ImapFolder | undefined,
    record: SourceRecord,
    there: HeldMessage,
    outcome: MailboxOutcome,
  ): Promise<void> {
    outcome.skipped += 1;
    if (this.#options.existing !== 'replace' || !this.#options.what.has('flags')) return;
    if ((await folder?.setFlags(record, there, this.#flagsOf(record))) === true) outcome.changed += 1;
  }

  async #append(
    folder: ImapFolder | undefined,
    record: SourceRecord,
    bytes: Buffer,
    outcome: MailboxOutcome,
  ): Promise<void> {
    if (!this.#options.isPlan) await folder?.append(record, bytes, this.#flagsOf(record));
    outcome.added += 1;
    outcome.bytes += record.size;
  }

  #flagsOf(record: SourceRecord): string[] {
    const flags = this.#options.what.has('flags') ? freshFields(record).flags : '';
    return flags === '' ? [] : flags.split(' ');
  }

  async #subscribe(name: string, userid: string): Promise<ItemOutcome> {
    const kind = 'subscription';
    if (ownerOf(name, this.#options.deletedPrefix) !== userid)
      return { kind, name, action: 'left out', reason: 'a folder of somebody else' };
    const path = this.#finder?.pathOf(name) ?? name;
    if (this.#finder?.isSubscribed(path) === true) return { kind, name: path, action: 'same' };
    if (this.#options.isPlan) return { kind, name: path, action: 'set' };
    const isSet = await this.#connection.ask(`SUBSCRIBE ${path}`, (client) => client.mailboxSubscribe(path));
    if (isSet) return { kind, name: path, action: 'set' };
    return { kind, name: path, action: 'failed', reason: 'the server refuses it' };
  }
}
