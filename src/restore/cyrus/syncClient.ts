/**
 * The client side of the sync protocol. imapd takes tagged SYNCGET, SYNCAPPLY, SYNCRESTORE and
 * SYNCRESTART from an admin (capability X-REPLICATION). sync_server takes GET, APPLY, RESTORE and
 * RESTART. Both use the same dlists (cyrus-imapd imap/imapd.c, imap/sync_server.c). Commands are
 * text printed in the log's form, because literals to a Cyrus server carry a plus.
 */
import { BackupError } from '../../errors.ts';
import type { ErrorKind } from '../../errors.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import type { Answer } from '../../protocol/grammar.ts';
import { printFileHeader } from '../../protocol/print.ts';
import { FileLiteral } from '../../protocol/dlist.ts';
import type { ServerAddress } from '../connection/address.ts';
import { openSession } from '../connection/syncLogin.ts';
import { listMailboxes } from '../connection/listMailboxes.ts';
import type { ListedMailbox } from '../connection/listMailboxes.ts';
import type { LoginOptions, OnFile, Session } from '../connection/syncLogin.ts';
import { Wire } from '../connection/wire.ts';

export interface AnswerItem {
  /** In upper case: MAILBOX, MISSING, ... */
  readonly name: string;
  readonly value: Dlist;
}

/**
 * A message to be sent. Its bytes are requested only when its turn comes, and must be exactly as
 * many as announced.
 */
export interface Upload {
  readonly guid: string;
  readonly sizeBytes: number;
  pieces(): Iterable<Buffer>;
}

export interface ClientOptions extends Omit<LoginOptions, 'isImplicitTls'> {
  readonly connectTimeoutMs: number;
  readonly silenceTimeoutMs: number;
}

type Verb = 'GET' | 'APPLY' | 'RESTORE';

/**
 * The words after NO that map to an error kind (cyrus-imapd imap/sync_support.c, sync_response).
 */
const kinds: Readonly<Record<string, ErrorKind>> = {
  IMAP_MAILBOX_NONEXISTENT: 'not-found',
  IMAP_MAILBOX_LOCKED: 'locked',
  IMAP_INVALID_USER: 'no-user',
  IMAP_PROTOCOL_BAD_PARAMETERS: 'bad-parameters',
  IMAP_PROTOCOL_ERROR: 'unknown-command',
  IMAP_SYNC_CHECKSUM: 'checksum',
};

export class SyncClient {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Tries the address's ports in turn. Throws the last port's error; throws at once if the password
   * is wrong.
   */
  static async connect(address: ServerAddress, options: ClientOptions): Promise<SyncClient> {
    let last: unknown;
    for (const port of address.ports) {
      try {
        return await SyncClient.#open(address, port, options);
      } catch (error) {
        const isNext =
          error instanceof BackupError && ['closed', 'unreachable', 'unknown-command'].includes(error.kind);
        if (!isNext) throw error;
        last = error;
      }
    }
    throw last;
  }

  static async #open(address: ServerAddress, port: number, options: ClientOptions): Promise<SyncClient> {
    const { connectTimeoutMs, silenceTimeoutMs } = options;
    const wire = await Wire.connect({ host: address.host, port, connectTimeoutMs, silenceTimeoutMs });
    try {
      const session = await openSession(wire, { ...options, isImplicitTls: address.isImplicitTls });
      if (session.dialect === 'imap' && !session.has('X-REPLICATION')) {
        const why =
          'no X-REPLICATION: not a Cyrus server, or not an admin there (--to imap://… restores to any server)';
        throw new BackupError('unknown-command', `${wire.peer}: ${why}`);
      }
      return new SyncClient(session);
    } catch (error) {
      wire.close();
      throw error;
    }
  }

  get peer(): string {
    return this.#session.wire.peer;
  }

  /** For example `3.4.9-Debian`; undefined if the server does not report it. */
  get serverVersion(): string | undefined {
    return /\bCyrus (?:IMAP|sync server) v?(\d\S*)/.exec(this.#session.greeting)?.[1];
  }

  /** `text` follows GET: the key and its value, printed. */
  get(text: string): Promise<AnswerItem[]> {
    return this.#run('GET', text);
  }

  /**
   * Asks for a message's bytes (GET FETCH) and passes them to `onFile`. The server sends no file
   * for a message whose own file does not match the GUID. Throws 'not-found' if it has none.
   */
  fetch(text: string, onFile: OnFile): Promise<AnswerItem[]> {
    return this.#run('GET', `FETCH ${text}`, onFile);
  }

  /** True for an imapd, which lists its mailboxes. A sync_server cannot. */
  get canList(): boolean {
    return this.#session.dialect === 'imap';
  }

  /** Passes on each mailbox that matches the pattern, as an administrator sees it (LIST). */
  list(pattern: string, onMailbox: (mailbox: ListedMailbox) => void): Promise<void> {
    return listMailboxes(this.#session, pattern, onMailbox);
  }

  apply(text: string): Promise<AnswerItem[]> {
    return this.#run('APPLY', text);
  }

  restore(text: string): Promise<AnswerItem[]> {
    return this.#run('RESTORE', text);
  }

  /** Makes the server drop the uploads that it has staged. */
  async restart(): Promise<void> {
    const tag = this.#session.tag();
    this.#session.wire.expect('RESTART');
    await this.#session.send(tag, this.#verb('RESTART'));
    await this.#finish(tag, 'RESTART', []);
  }

  /** Sends APPLY MESSAGE: the server stages the messages until RESTART. */
  async upload(partition: string, messages: readonly Upload[]): Promise<void> {
    const { wire } = this.#session;
    const tag = this.#session.tag();
    wire.expect('APPLY MESSAGE');
    await wire.write(`${tag === '' ? '' : `${tag} `}${this.#verb('APPLY')} MESSAGE (`);
    for (const [index, message] of messages.entries()) {
      const header = printFileHeader(new FileLiteral(partition, message.guid, message.sizeBytes));
      await wire.write(`${index === 0 ? '' : ' '}${header}`);
      for (const piece of message.pieces()) await wire.write(piece);
    }
    await wire.write(')\r\n');
    await wire.flush();
    await this.#finish(tag, 'APPLY MESSAGE', []);
  }

  /** Sends the closing command, without waiting for the answer. */
  async close(): Promise<void> {
    const session = this.#session;
    const last = session.dialect === 'imap' ? 'LOGOUT' : 'EXIT';
    await session.wire.sayGoodbye(() => session.send(session.tag(), last));
  }

  #verb(verb: Verb | 'RESTART'): string {
    return this.#session.dialect === 'imap' ? `SYNC${verb}` : verb;
  }

  async #run(verb: Verb, text: string, onFile?: OnFile): Promise<AnswerItem[]> {
    const tag = this.#session.tag();
    const what = `${verb} ${text.slice(0, text.indexOf(' '))}`;
    this.#session.wire.expect(what);
    await this.#session.send(tag, `${this.#verb(verb)} ${text}`);
    const items: AnswerItem[] = [];
    await this.#finish(tag, what, items, onFile);
    return items;
  }

  async #finish(tag: string, what: string, items: AnswerItem[], onFile?: OnFile): Promise<void> {
    const onUntagged = (untagged: Answer): void => {
      if (untagged.kind === 'item') items.push(untagged);
    };
    const answer = await this.#session.finish(tag, onUntagged, onFile);
    if (answer.kind === 'status' && answer.status === 'OK') return;
    const text = answer.kind === 'status' ? `${answer.status} ${answer.text}` : answer.kind;
    const word = answer.kind === 'status' ? (answer.text.split(' ', 1)[0] ?? '') : '';
    if (/^BAD .*Unrecognized command/i.test(text)) {
      const cure = 'log in as one of the admins of its imapd.conf (--user)';
      throw new BackupError(
        'permission',
        `${this.peer}: the login may not restore there: ${cure} (${what}: ${text})`,
      );
    }
    throw new BackupError(kinds[word] ?? 'io', `${this.peer}: ${what}: ${text}`, { subject: word });
  }
}
