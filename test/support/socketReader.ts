/**
 * Reads lines and counted bytes from a socket, the elements of IMAP, ManageSieve and the sync
 * protocol. Lines are latin1 strings: one character per byte. A peer that closes, or is silent for
 * a while, is an error.
 */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

const SILENCE_MS = 60_000;

export class SocketReader {
  readonly socket: Socket;
  hasTimedOut = false;
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data: Buffer) => {
      this.#chunks.push(data);
      this.#sizeBytes += data.length;
      this.#wake?.();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the peer closed the connection')));
    socket.setTimeout(SILENCE_MS, () => {
      this.hasTimedOut = true;
      socket.destroy(new Error(`nothing came for ${socket.timeout} ms`));
    });
  }

  /** Connects to a port of this machine, or to a unix socket. */
  static async connect(to: number | string): Promise<SocketReader> {
    const socket = connect(
      typeof to === 'string' ? { path: to } : { port: to, host: '127.0.0.1', noDelay: true },
    );
    await once(socket, 'connect');
    return new SocketReader(socket);
  }

  /** The next line without its line end. */
  async line(): Promise<string> {
    for (;;) {
      const buffered = this.#joined();
      const end = buffered.indexOf(10);
      if (end >= 0) {
        const line = this.#take(end + 1).toString('latin1');
        return line.replace(/\r?\n$/, '');
      }
      await this.#more();
    }
  }

  async bytes(count: number): Promise<Buffer> {
    while (this.#sizeBytes < count) await this.#more();
    return this.#take(count);
  }

  async send(...parts: (string | Buffer)[]): Promise<void> {
    const data = Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
    );
    await new Promise<void>((resolve, reject) =>
      this.socket.write(data, (error) => (error ? reject(error) : resolve())),
    );
  }

  close(): void {
    this.socket.destroy();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  async #more(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }

  #joined(): Buffer {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #take(count: number): Buffer {
    const all = this.#joined();
    this.#chunks = [all.subarray(count)];
    this.#sizeBytes -= count;
    return all.subarray(0, count);
  }
}
