/**
 * A manual client of the sync protocol: greeting, PLAIN login, and commands with their responses.
 */
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

  /** `to` names another address than the server's port. */
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

  /**
   * Sends bytes unchanged, and reads up to the tagged reply. Literals in responses are left as they
   * came.
   */
  async exchange(command: string | Buffer): Promise<{ untagged: string[]; reply: string }> {
    await this.#reader.send(command);
    const untagged: string[] = [];
    for (;;) {
      const line = await this.#reader.line();
      if (/^(OK|NO|BAD) /.test(line)) return { untagged, reply: line };
      untagged.push(line);
    }
  }

  /** Sends without waiting for a response. */
  async send(bytes: string | Buffer): Promise<void> {
    await this.#reader.send(bytes);
  }

  /** The socket itself, for tests that do what no client does. */
  get socket(): Socket {
    return this.#reader.socket;
  }

  /**
   * Ends the sending side, and returns all lines until the peer has closed. Throws if it does not
   * close.
   */
  async finish(silenceMs: number): Promise<string[]> {
    this.#reader.socket.end();
    return this.untilClosed(silenceMs);
  }

  /** Returns all lines until the peer has closed. Throws if it does not close. */
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
