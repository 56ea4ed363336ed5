/**
 * A minimal IMAP client that fills mailboxes on a master and reads what it holds (RFC 3501; RFC
 * 7888 for non-synchronizing literals). A command that is not answered with OK throws the server's
 * response.
 */
import { createHash } from 'node:crypto';
import { SocketReader } from './socketReader.ts';

/** A response. Literals are cut out of the text, which keeps their `{size}`. */
export interface ImapResponse {
  readonly text: string;
  readonly literals: readonly Buffer[];
}

export interface FetchedMessage {
  readonly uid: number;
  /** Sorted, without \Recent. */
  readonly flags: readonly string[];
  /** Seconds since 1970. */
  readonly internalDate: number;
  readonly modseq: string;
  readonly sha1: string;
  readonly body: Buffer;
}

export interface AppendOptions {
  readonly flags?: string;
  readonly date?: Date;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** RFC 3501 date-time, in UTC. */
function imapDate(date: Date): string {
  const day = `${date.toISOString().slice(8, 10)}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
  return `"${day} ${date.toISOString().slice(11, 19)} +0000"`;
}

function parseImapDate(text: string): number {
  const match = /^ ?(\d+)-(\w+)-(\d+) (\d+:\d+:\d+) ([+-]\d\d)(\d\d)$/.exec(text.trim());
  if (match === null) throw new Error(`not an IMAP date: ${text}`);
  const [, day, month, year, time, hours, minutes] = match as unknown as string[];
  const number = String(MONTHS.indexOf(month ?? '') + 1).padStart(2, '0');
  return Date.parse(`${year}-${number}-${day?.padStart(2, '0')}T${time}${hours}:${minutes}`) / 1000;
}

export class ImapClient {
  readonly #reader: SocketReader;
  #tag = 0;

  constructor(reader: SocketReader) {
    this.#reader = reader;
  }

  static async login(port: number, user: string, password: string): Promise<ImapClient> {
    const reader = await SocketReader.connect(port);
    await reader.line();
    const client = new ImapClient(reader);
    await client.command('LOGIN', quoted(user), quoted(password));
    return client;
  }

  /**
   * Sends the parts, separated by spaces (except before a closing parenthesis); a Buffer is sent as
   * a literal. Returns the untagged responses.
   */
  async command(...parts: (string | Buffer)[]): Promise<ImapResponse[]> {
    const tag = `t${++this.#tag}`;
    const pieces = parts.flatMap((part) => {
      if (typeof part !== 'string') return [` {${part.length}+}\r\n`, part];
      return part === ')' ? [part] : [' ', part];
    });
    await this.#reader.send(tag, ...pieces, '\r\n');
    const untagged: ImapResponse[] = [];
    for (;;) {
      const response = await this.#response();
      if (!response.text.startsWith(`${tag} `)) {
        untagged.push(response);
        continue;
      }
      if (response.text.startsWith(`${tag} OK`)) return untagged;
      const shown = parts.map((part) => (typeof part === 'string' ? part : `{${part.length}}`)).join(' ');
      throw new Error(`${shown.replace(/^LOGIN.*/, 'LOGIN')}: ${response.text}`);
    }
  }

  async append(mailbox: string, message: Buffer, { flags = '', date }: AppendOptions = {}): Promise<void> {
    const when = date === undefined ? [] : [imapDate(date)];
    await this.command('APPEND', quoted(mailbox), `(${flags})`, ...when, message);
  }

  async create(...mailboxes: string[]): Promise<void> {
    for (const mailbox of mailboxes) await this.command('CREATE', quoted(mailbox));
  }

  async select(mailbox: string): Promise<void> {
    await this.command('SELECT', quoted(mailbox));
  }

  /** Changes flags in the selected mailbox. `flags` has the form `+FLAGS (\Seen)`. */
  async store(uids: string, flags: string): Promise<void> {
    await this.command('UID STORE', uids, flags);
  }

  /** Selects a mailbox, and marks and expunges messages in it. */
  async expunge(mailbox: string, uids: string): Promise<void> {
    await this.select(mailbox);
    await this.store(uids, '+FLAGS.SILENT (\\Deleted)');
    await this.command('UID EXPUNGE', uids);
  }

  /** Returns all selectable mailboxes that match the pattern. */
  async list(pattern = '*'): Promise<string[]> {
    const lines = await this.command('LIST', '""', quoted(pattern));
    return lines.flatMap(({ text }) => {
      const match = /^\* LIST \(([^)]*)\) "." (?:"((?:[^"\\]|\\.)*)"|(\S+))$/.exec(text);
      if (match === null || /\\Noselect|\\NonExistent/i.test(match[1] ?? '')) return [];
      return [match[2]?.replaceAll(/\\(.)/g, '$1') ?? match[3] ?? ''];
    });
  }

  /** Returns all messages of a mailbox by UID, without changing anything. */
  async messages(mailbox: string): Promise<FetchedMessage[]> {
    await this.command('EXAMINE', quoted(mailbox));
    const responses = await this.command('UID FETCH', '1:*', '(UID FLAGS INTERNALDATE MODSEQ BODY.PEEK[])');
    const messages = responses
      .filter(({ text }) => /^\* \d+ FETCH .*BODY\[\]/.test(text))
      .map(fetchedMessage);
    return messages.toSorted((a, b) => a.uid - b.uid);
  }

  close(): void {
    this.#reader.close();
  }

  async #response(): Promise<ImapResponse> {
    const literals: Buffer[] = [];
    let text = await this.#reader.line();
    for (;;) {
      const size = /\{(\d+)\}$/.exec(text)?.[1];
      if (size === undefined) return { text, literals };
      literals.push(await this.#reader.bytes(Number(size)));
      text += await this.#reader.line();
    }
  }
}

/** The body is the only literal asked for; Cyrus sends an empty or short one as a literal too. */
function fetchedMessage({ text, literals }: ImapResponse): FetchedMessage {
  const field = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? '';
  const body = literals.at(-1);
  if (body === undefined) throw new Error(`a message without its body: ${text}`);
  const flags = field(/FLAGS \(([^)]*)\)/).split(' ');
  return {
    uid: Number(field(/UID (\d+)/)),
    flags: flags.filter((flag) => flag !== '' && flag !== '\\Recent').toSorted(),
    internalDate: parseImapDate(field(/INTERNALDATE "([^"]*)"/)),
    modseq: field(/MODSEQ \((\d+)\)/),
    sha1: createHash('sha1').update(body).digest('hex'),
    body,
  };
}
