/**
 * One folder of an IMAP server: selects it, reads it and adds messages. The connection may break at
 * any message. It is then reopened, and messages that arrived meanwhile are recognized by their
 * bytes. So no message is lost or sent twice. A message that repeatedly breaks the connection is
 * skipped and reported, and the other messages follow.
 */
import { BackupError, messageOf } from '../../errors.ts';
import { canonicalHash, sha1Of } from './canonical.ts';
import type { ImapConnection } from './connection.ts';
import { FlagFilter, isKeyword } from './flagFilter.ts';
import { HeldMessages, listMessages, readHeld } from './heldMessages.ts';
import type { HeldMessage } from './heldMessages.ts';
import type { MailboxOutcome } from '../report/outcome.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';

/** How often one message may break the connection, or be refused temporarily. */
const ATTEMPTS = 3;
/**
 * After this many messages in a row broke the connection, the fault is the server's or the
 * folder's.
 */
const BROKEN_IN_A_ROW = 5;
/** Messages whose flags are checked with one command. */
const CHECKED_AT_A_TIME = 1000;
const GIVEN_UP = 'given up';
/** Response codes of refusals that concern every message of the folder. */
const HOPELESS = new Set(['OVERQUOTA', 'NOPERM', 'TRYCREATE', 'NONEXISTENT', GIVEN_UP]);

export class ImapFolder {
  readonly flags = new FlagFilter();
  readonly #connection: ImapConnection;
  readonly #path: string;
  readonly #isReadOnly: boolean;
  #uidValidity: bigint | undefined;
  /** Messages with this UID or a higher one were stored after the last known message. */
  #nextUid = 1;
  #brokenInARow = 0;
  /** By UID on the server: messages sent with flags that are still to be checked. */
  readonly #sent = new Map<number, { readonly uid: number; readonly flags: readonly string[] }>();

  private constructor(connection: ImapConnection, path: string, isReadOnly: boolean) {
    this.#connection = connection;
    this.#path = path;
    this.#isReadOnly = isReadOnly;
  }

  /** Selects the folder; read-only for a plan. */
  static async open(connection: ImapConnection, path: string, isReadOnly: boolean): Promise<ImapFolder> {
    const folder = new ImapFolder(connection, path, isReadOnly);
    await folder.#select();
    return folder;
  }

  /** Reads which of these records the folder already holds. */
  held(source: RestoreSource, records: () => Iterable<SourceRecord>): Promise<HeldMessages> {
    return readHeld(this.#connection, source, records, () => this.#select());
  }

  /**
   * Adds a message. Throws if that fails; `isFatal` tells whether the error concerns the whole
   * folder.
   */
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

  /**
   * Sets exactly these flags on a message of the server. Returns whether that is a change; a plan
   * only compares.
   */
  async setFlags(record: SourceRecord, there: HeldMessage, wanted: readonly string[]): Promise<boolean> {
    const flags = this.flags.taken(wanted, record.uid);
    if (normal(flags) === normal(there.flags)) return false;
    if (this.#isReadOnly) return true;
    const set = (some: readonly string[]): Promise<boolean> =>
      this.#connection.ask('STORE', (client) =>
        client.messageFlagsSet(String(there.uid), [...some], { uid: true }),
      );
    if (await set(flags)) return true;
    // The server refused a keyword, and with it the whole command: the keywords are tried one by
    // one.
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
      // The reason may have been a keyword, so the message is tried without keywords. If the
      // message itself is refused, this attempt fails, too.
      const uid = await this.#send(
        record,
        bytes,
        flags.filter((flag) => !isKeyword(flag)),
      );
      await this.#addKeywords(record, uid, keywords, messageOf(error));
    }
  }

  /** Returns the message's UID on the server, if the server reports it. */
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

  /**
   * Checks the flags of the messages sent. Some servers answer OK, but keep only the flags that
   * they support.
   */
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
      // A failed check is no error.
      if (!(error instanceof BackupError)) throw error;
      if (error.kind === 'closed') await this.#comeBack();
    }
  }

  /**
   * Adds keywords one by one, to learn which are refused. The message is already stored, so a
   * refused keyword does not make it fail.
   */
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
    // ImapFlow would silently drop flags; FlagFilter has already decided which to send.
    mailbox.permanentFlags?.add('\\*');
  }

  async #lastUid(exists: number): Promise<number> {
    if (exists === 0) return 0;
    const last = await this.#connection.ask('FETCH', (client) => client.fetchOne('*', { uid: true }));
    return last === false ? 0 : last.uid;
  }

  /** Reports whether a message was stored although its APPEND was not answered. */
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

/** Reports whether the rest of the folder would fail in the same way. */
export function isFatal(error: BackupError): boolean {
  return isConnection(error) || HOPELESS.has(error.subject ?? '');
}

/** Reports whether this connection cannot be used any more. */
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
