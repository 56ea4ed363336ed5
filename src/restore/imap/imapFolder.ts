/**
 * One folder of an IMAP server: selected, read, and added to. The connection may break at any message: it is opened again,
 * and what arrived in the meantime is told by its bytes, so that no message is lost or sent twice. A message that breaks
 * the connection time and again is given up alone.
 */
import { BackupError, messageOf } from '../../errors.ts';
import { canonicalHash, sha1Of } from './canonical.ts';
import type { ImapConnection } from './connection.ts';
import { FlagFilter, isKeyword } from './flagFilter.ts';
import { HeldMessages, listMessages, readHeld } from './heldMessages.ts';
import type { HeldMessage } from './heldMessages.ts';
import type { MailboxOutcome } from '../outcome.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';

/** How often one message may break the connection, or be refused for now. */
const ATTEMPTS = 3;
/** So many messages in a row that break the connection, and it is the server or the folder. */
const BROKEN_IN_A_ROW = 5;
/** Refusals that every other message would meet as well. */
/** Messages whose flags are checked with one command. */
const CHECKED_AT_A_TIME = 1000;
const GIVEN_UP = 'given up';
const HOPELESS = new Set(['OVERQUOTA', 'NOPERM', 'TRYCREATE', 'NONEXISTENT', GIVEN_UP]);

export class ImapFolder {
  readonly flags = new FlagFilter();
  readonly #connection: ImapConnection;
  readonly #path: string;
  readonly #isReadOnly: boolean;
  #uidValidity: bigint | undefined;
  /** What is stored from here on has come since. */
  #nextUid = 1;
  #brokenInARow = 0;
  /** By UID on the server: messages that were sent with flags, which are yet to be checked. */
  readonly #sent = new Map<number, { readonly uid: number; readonly flags: readonly string[] }>();

  private constructor(connection: ImapConnection, path: string, isReadOnly: boolean) {
    this.#connection = connection;
    this.#path = path;
    this.#isReadOnly = isReadOnly;
  }

  /** Selects it; read-only where nothing will be changed. */
  static async open(connection: ImapConnection, path: string, isReadOnly: boolean): Promise<ImapFolder> {
    const folder = new ImapFolder(connection, path, isReadOnly);
    await folder.#select();
    return folder;
  }

  /** What is there of these records. */
  held(source: RestoreSource, records: () => Iterable<SourceRecord>): Promise<HeldMessages> {
    return readHeld(this.#connection, source, records, () => this.#select());
  }

  /** Adds a message. Throws its failure; see isFatal for one that is the folder's. */
  async append(record: SourceRecord, bytes: Buffer, flags: readonly string[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#appendOnce(record, bytes, flags);
        this.#brokenInARow = 0;
        if (this.#sent.size >= CHECKED_AT_A_TIME) await this.checkFlags();
        return;
      } catch (error) {
        if (!(error instanceof BackupError)) throw error;
        if (error.kind === 'locked' && attempt < ATTEMPTS) {
          await this.#connection.pause(attempt);
          continue;
        }
        if (error.kind !== 'closed') throw error;
        await this.#comeBack();
        if (await this.#hasArrived(record, bytes)) return;
        if (attempt >= ATTEMPTS) throw this.#givenUp(error);
      }
    }
  }

  /** Gives a message of the server these flags and no others; answers whether that was a change. */
  async setFlags(record: SourceRecord, there: HeldMessage, wanted: readonly string[]): Promise<boolean> {
    const flags = this.flags.taken(wanted, record.uid);
    if (normal(flags) === normal(there.flags)) return false;
    if (this.#isReadOnly) return true;
    const set = (some: readonly string[]): Promise<boolean> =>
      this.#connection.ask('STORE', (client) =>
        client.messageFlagsSet(String(there.uid), [...some], { uid: true }),
      );
    if (await set(flags)) return true;
    // One of the keywords is refused, and with it the command: each is tried by itself.
    if (!(await set(flags.filter((flag) => !isKeyword(flag)))))
      throw new BackupError('io', 'its flags could not be set');
    await this.#addKeywords(record, there.uid, flags.filter(isKeyword), 'STORE: the server refuses it');
    return true;
  }

  report(outcome: MailboxOutcome): void {
    this.flags.report(outcome);
  }

  async #appendOnce(record: SourceRecord, bytes: Buffer, wanted: readonly string[]): Promise<void> {
    const flags = this.flags.taken(wanted, record.uid);
    try {
      await this.#send(record, bytes, flags);
    } catch (error) {
      const keywords = flags.filter(isKeyword);
      if (!isRefusal(error) || keywords.length === 0) throw error;
      // Perhaps it was a keyword. If the message itself is refused, it is now refused again.
      const uid = await this.#send(
        record,
        bytes,
        flags.filter((flag) => !isKeyword(flag)),
      );
      await this.#addKeywords(record, uid, keywords, messageOf(error));
    }
  }

  /** The message's UID there, where the server says it. */
  async #send(record: SourceRecord, bytes: Buffer, flags: readonly string[]): Promise<number | undefined> {
    const date = new Date(record.internaldate * 1000);
    const answer = await this.#connection.ask(`APPEND to ${this.#path}`, (client) =>
      client.append(this.#path, bytes, [...flags], date),
    );
    const uid = answer === false ? undefined : answer.uid;
    if (uid !== undefined && uid >= this.#nextUid) this.#nextUid = uid + 1;
    if (uid !== undefined && flags.length > 0) this.#sent.set(uid, { uid: record.uid, flags });
    return uid;
  }

  /** Some servers answer OK and keep only the flags that they know. One FETCH for many messages. */
  async checkFlags(): Promise<void> {
    const sent = new Map(this.#sent);
    this.#sent.clear();
    const [first] = sent.keys();
    if (first === undefined) return;
    try {
      for (const { uid, flags } of await listMessages(this.#connection, first)) {
        const kept = new Set(flags.map((flag) => flag.toLowerCase()));
        const ours = sent.get(uid);
        for (const flag of ours?.flags ?? [])
          if (ours !== undefined && !kept.has(flag.toLowerCase()))
            this.flags.lose(flag, ours.uid, 'the server took it and did not keep it');
      }
    } catch (error) {
      // It was only a check.
      if (!(error instanceof BackupError)) throw error;
      if (error.kind === 'closed') await this.#comeBack();
    }
  }

  /** One by one, to know which are refused. The message is there: nothing of this is an error of it. */
  async #addKeywords(
    record: SourceRecord,
    uid: number | undefined,
    keywords: readonly string[],
    why: string,
  ): Promise<void> {
    for (const [index, keyword] of keywords.entries()) {
      if (uid === undefined) {
        this.flags.lose(keyword, record.uid, why);
        continue;
      }
      try {
        const isSet = await this.#connection.ask('STORE', (client) =>
          client.messageFlagsAdd(String(uid), [keyword], { uid: true }),
        );
        if (!isSet) this.flags.refuse(keyword, record.uid, why);
      } catch (error) {
        if (!(error instanceof BackupError)) throw error;
        for (const lost of keywords.slice(index)) this.flags.lose(lost, record.uid, messageOf(error));
        if (error.kind === 'closed') await this.#comeBack();
        return;
      }
    }
  }

  async #comeBack(): Promise<void> {
    await this.#connection.reopen();
    await this.#select();
  }

  async #select(): Promise<void> {
    const mailbox = await this.#connection.ask(`SELECT ${this.#path}`, (client) =>
      client.mailboxOpen(this.#path, { readOnly: this.#isReadOnly }),
    );
    if (this.#uidValidity !== undefined && mailbox.uidValidity !== this.#uidValidity) {
      throw new BackupError(
        'io',
        `${this.#connection.peer}: ${this.#path} was replaced meanwhile (UIDVALIDITY)`,
      );
    }
    const isFirst = this.#uidValidity === undefined;
    this.#uidValidity = mailbox.uidValidity;
    if (isFirst) this.#nextUid = mailbox.uidNext || (await this.#lastUid(mailbox.exists)) + 1;
    this.flags.learn(this.#isReadOnly || mailbox.readOnly === true ? undefined : mailbox.permanentFlags);
    // ImapFlow would drop flags without a word; which ones go is decided here.
    mailbox.permanentFlags?.add('\\*');
  }

  async #lastUid(exists: number): Promise<number> {
    if (exists === 0) return 0;
    const last = await this.#connection.ask('FETCH', (client) => client.fetchOne('*', { uid: true }));
    return last === false ? 0 : last.uid;
  }

  /** Whether a message whose APPEND was not answered was stored nevertheless. */
  async #hasArrived(record: SourceRecord, bytes: Buffer): Promise<boolean> {
    for (const { uid } of await listMessages(this.#connection, this.#nextUid)) {
      const message = await this.#connection.ask('FETCH', (client) =>
        client.fetchOne(String(uid), { uid: true, source: true }, { uid: true }),
      );
      const text = message === false ? undefined : message.source;
      if (text === undefined) continue;
      const isSame = sha1Of(text) === record.guid || canonicalHash(text) === canonicalHash(bytes);
      if (!isSame) continue;
      this.#nextUid = uid + 1;
      return true;
    }
    return false;
  }

  #givenUp(last: BackupError): BackupError {
    this.#brokenInARow += 1;
    if (this.#brokenInARow < BROKEN_IN_A_ROW) {
      return new BackupError('io', `given up after ${ATTEMPTS} attempts: ${messageOf(last)}`, {
        cause: last,
      });
    }
    const text = `folder given up: ${BROKEN_IN_A_ROW} messages in a row broke the connection: ${messageOf(last)}`;
    return new BackupError('io', text, { cause: last, subject: GIVEN_UP });
  }
}

/** Whether the rest of the folder would fail in the same way. */
export function isFatal(error: BackupError): boolean {
  return isConnection(error) || HOPELESS.has(error.subject ?? '');
}

/** Whether nothing more can be asked over this connection. */
export function isConnection({ kind }: BackupError): boolean {
  return kind === 'closed' || kind === 'auth';
}

function isRefusal(error: unknown): boolean {
  return error instanceof BackupError && error.kind === 'io' && !isFatal(error);
}

function normal(flags: readonly string[]): string {
  return flags
    .map((flag) => flag.toLowerCase())
    .filter((flag) => flag !== '\\recent')
    .toSorted()
    .join(' ');
}
