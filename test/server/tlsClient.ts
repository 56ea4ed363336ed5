/** A client that speaks TLS, from the first byte or after STARTTLS, and sees all that is said before and after. */
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { SocketReader } from '../support/socketReader.ts';

export class TlsClient {
  reader: SocketReader;

  private constructor(reader: SocketReader) {
    this.reader = reader;
  }

  static async open(port: number): Promise<TlsClient> {
    return new TlsClient(await SocketReader.connect(port));
  }

  get socket(): SocketReader['socket'] {
    return this.reader.socket;
  }

  /** The lines of a banner, to its last. */
  async banner(): Promise<string[]> {
    const lines: string[] = [];
    do lines.push(await this.reader.line());
    while (lines.at(-1)?.startsWith('* OK') === false);
    return lines;
  }

  /** All that is said up to the tagged reply, which is the last. */
  async exchange(command: string | Buffer): Promise<string[]> {
    await this.reader.send(command);
    const lines: string[] = [];
    do lines.push(await this.reader.line());
    while (!/^(OK|NO|BAD|\+)( |$)/.test(lines.at(-1) ?? ''));
    return lines;
  }

  async reply(command: string): Promise<string> {
    return (await this.exchange(`${command}\r\n`)).at(-1) ?? '';
  }

  /** The client's handshake alone. */
  async handshake(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const raw = this.reader.socket;
    raw.removeAllListeners('data');
    raw.setTimeout(0);
    const socket = connect({ socket: raw, rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    this.reader = new SocketReader(socket);
    return socket;
  }

  /** STARTTLS and all that follows; the second banner. */
  async startTls(options: ConnectionOptions = {}): Promise<string[]> {
    await this.banner();
    const reply = await this.reply('STARTTLS');
    if (!reply.startsWith('OK ')) throw new Error(reply);
    await this.handshake(options);
    return this.banner();
  }

  /** All that is still said, up to the connection's end. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    try {
      for (;;) lines.push(await this.reader.line());
    } catch {
      return lines;
    }
  }

  close(): void {
    this.reader.close();
  }
}
