/** The client's side of the sync protocol by hand: greeting, PLAIN, a command and all that is answered to it. */
import type { Socket } from 'node:net';
import { SocketReader } from './socketReader.ts';
import type { SyncServer } from './cyrus.ts';

export class SyncConnection {
  readonly #reader: SocketReader;

  private constructor(reader: SocketReader) {
    this.#reader = reader;
  }

  /** Resolves after the greeting, whose last line is `* OK`. */
  static async open(to: number | string): Promise<SyncConnection> {
    const reader = await SocketReader.connect(to);
    for (;;) {
      const line = await reader.line();
      if (line.startsWith('* OK')) return new SyncConnection(reader);
    }
  }

  /** `to`: where else than at its port. */
  static async login(
    server: Omit<SyncServer, 'host'>,
    to: number | string = server.port,
  ): Promise<SyncConnection> {
    const connection = await SyncConnection.open(to);
    const token = Buffer.from(`\0${server.user}\0${server.password}`).toString('base64');
    const { reply } = await connection.exchange(`AUTHENTICATE PLAIN ${token}\r\n`);
    if (!reply.startsWith('OK')) throw new Error(`not authenticated: ${reply}`);
    return connection;
  }

  /** Sends bytes as they are, and reads to the tagged reply. Literals in answers are left as they came. */
  async exchange(command: string | Buffer): Promise<{ untagged: string[]; reply: string }> {
    await this.#reader.send(command);
    const untagged: string[] = [];
    for (;;) {
      const line = await this.#reader.line();
      if (/^(OK|NO|BAD) /.test(line)) return { untagged, reply: line };
      untagged.push(line);
    }
  }

  /** Sends, and does not care for the answer. */
  async send(bytes: string | Buffer): Promise<void> {
    await this.#reader.send(bytes);
  }

  /** For those who do what no client does. */
  get socket(): Socket {
    return this.#reader.socket;
  }

  /** Says that no more comes, and gives all that is said until the peer has closed; throws where it does not. */
  async finish(silenceMs: number): Promise<string[]> {
    this.#reader.socket.end();
    return this.untilClosed(silenceMs);
  }

  /** All that is said until the peer has closed; throws where it does not. */
  async untilClosed(silenceMs: number): Promise<string[]> {
    this.#reader.socket.setTimeout(silenceMs);
    const lines: string[] = [];
    try {
      for (;;) lines.push(await this.#reader.line());
    } catch (error) {
      if (this.#reader.hasTimedOut) throw error;
      return lines;
    }
  }

  close(): void {
    this.#reader.close();
  }
}
