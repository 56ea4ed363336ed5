/** A minimal ManageSieve client (RFC 5804) that puts a script on a master and activates it. */
import { quoted } from './imapClient.ts';
import { SocketReader } from './socketReader.ts';

export class SieveClient {
  readonly #reader: SocketReader;

  constructor(reader: SocketReader) {
    this.#reader = reader;
  }

  static async login(port: number, user: string, password: string): Promise<SieveClient> {
    const client = new SieveClient(await SocketReader.connect(port));
    await client.#answer();
    const token = Buffer.from(`\0${user}\0${password}`).toString('base64');
    await client.#command(`AUTHENTICATE "PLAIN" "${token}"`);
    return client;
  }

  async put(name: string, script: string): Promise<void> {
    const body = Buffer.from(script);
    await this.#command(`PUTSCRIPT ${quoted(name)} {${body.length}+}\r\n`, body);
  }

  async activate(name: string): Promise<void> {
    await this.#command(`SETACTIVE ${quoted(name)}`);
  }

  async delete(name: string): Promise<void> {
    await this.#command(`DELETESCRIPT ${quoted(name)}`);
  }

  close(): void {
    this.#reader.close();
  }

  async #command(...parts: (string | Buffer)[]): Promise<void> {
    await this.#reader.send(...parts, '\r\n');
    await this.#answer();
  }

  /** Reads up to the line that ends every response. */
  async #answer(): Promise<void> {
    for (;;) {
      const line = await this.#reader.line();
      if (/^OK\b/.test(line)) return;
      if (/^(NO|BYE)\b/.test(line)) throw new Error(`ManageSieve: ${line}`);
    }
  }
}
