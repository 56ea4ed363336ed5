/**
 * A TCP proxy that records what a sync_client sends and receives, also after COMPRESS DEFLATE.
 * Bytes are passed on unchanged and at once. The client waits for each reply (no pipelining), so
 * the n-th tagged reply of a connection belongs to its n-th command.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInflateRaw, type InflateRaw } from 'node:zlib';

/**
 * A literal in the client's stream. A message has the form `%{partition guid size}`; any other
 * literal `{size+}`.
 */
const LITERAL = /(?:(%)\{[^ {}]+ [0-9a-f]{40} |\{)(\d+)\+?\}$/;

export interface Exchange {
  /** The whole command line, without messages, but with other literals. */
  readonly command: string;
  /** Undefined if none came. */
  readonly reply: string | undefined;
}

/** Cuts a stream into lines. Literals are part of their line. */
class LineCutter {
  readonly #onLine: (line: string) => void;
  #pending: Buffer = Buffer.alloc(0);
  #line = '';
  #literal = { left: 0, isKept: false };
  #inflater: InflateRaw | undefined;
  readonly #ended: Promise<unknown>[] = [];

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  get isCompressed(): boolean {
    return this.#inflater !== undefined;
  }

  write(data: Buffer): void {
    if (this.#inflater === undefined) this.#cut(data);
    else this.#inflater.write(data);
  }

  /**
   * From here on the stream is deflated. It never ends properly, so the inflater's error is
   * ignored.
   */
  startInflating(): void {
    const inflater = createInflateRaw();
    inflater.on('data', (data: Buffer) => this.#cut(data)).on('error', () => undefined);
    this.#ended.push(new Promise((resolve) => inflater.on('close', resolve)));
    this.#inflater = inflater;
  }

  async end(): Promise<void> {
    this.#inflater?.end();
    await Promise.all(this.#ended);
  }

  #cut(data: Buffer): void {
    this.#pending = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data]);
    for (;;) {
      if (this.#literal.left > 0 && !this.#takeLiteral()) return;
      const end = this.#pending.indexOf(10);
      if (end < 0) return;
      this.#line += this.#pending.toString('latin1', 0, end + 1).replace(/\r?\n$/, '');
      this.#pending = this.#pending.subarray(end + 1);
      const literal = LITERAL.exec(this.#line);
      if (literal !== null) this.#literal = { left: Number(literal[2]), isKept: literal[1] === undefined };
      if (literal === null || this.#literal.left === 0) this.#endLine(literal !== null);
    }
  }

  /** An empty literal does not end its line. */
  #endLine(isContinued: boolean): void {
    if (isContinued) return;
    this.#onLine(this.#line);
    this.#line = '';
  }

  #takeLiteral(): boolean {
    const taken = this.#pending.subarray(0, this.#literal.left);
    this.#pending = this.#pending.subarray(taken.length);
    this.#literal.left -= taken.length;
    if (this.#literal.isKept) this.#line += taken.toString('latin1');
    return this.#literal.left === 0;
  }
}

class Connection {
  readonly #commands: string[] = [];
  readonly #replies: string[] = [];
  readonly done: Promise<unknown>;
  readonly sockets: readonly Socket[];

  constructor(client: Socket, target: Socket) {
    this.sockets = [client, target];
    const fromClient = new LineCutter((line) => this.#commands.push(line));
    const fromServer = new LineCutter((line) => {
      if (/^(OK|NO|BAD) /.test(line)) this.#replies.push(line);
    });
    client.on('data', (data: Buffer) => {
      fromClient.write(data);
      target.write(data);
    });
    target.on('data', (data: Buffer) => {
      fromServer.write(data);
      const isCompressing =
        this.#commands.at(-1)?.toUpperCase() === 'COMPRESS DEFLATE' && !fromServer.isCompressed;
      if (
        isCompressing &&
        this.#replies.length === this.#commands.length &&
        this.#replies.at(-1)?.startsWith('OK')
      ) {
        fromClient.startInflating();
        fromServer.startInflating();
      }
      client.write(data);
    });
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      socket.on('error', () => other.destroy()).on('end', () => other.end());
    }
    const closed = Promise.all(
      this.sockets.map((socket) => new Promise((resolve) => socket.on('close', resolve))),
    );
    this.done = closed.then(() => Promise.all([fromClient.end(), fromServer.end()]));
  }

  get exchanges(): Exchange[] {
    return this.#commands.map((command, index) => ({ command, reply: this.#replies[index] }));
  }
}

export class LoggingProxy {
  readonly #server: Server;
  readonly #target: { port: number };
  #connections: Connection[] = [];

  private constructor(server: Server, target: { port: number }) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (client: Socket) => {
      const target = connect({ port: this.#target.port, host: '127.0.0.1', noDelay: true });
      client.setNoDelay(true);
      this.#connections.push(new Connection(client, target));
    });
  }

  static async start(targetPort: number): Promise<LoggingProxy> {
    const server = createServer();
    const proxy = new LoggingProxy(server, { port: targetPort });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Changes the target of future connections. */
  pointAt(port: number): void {
    this.#target.port = port;
  }

  /** Returns all exchanges since the last call, in order. Closes the open connections. */
  async take(): Promise<Exchange[]> {
    const connections = this.#connections;
    this.#connections = [];
    for (const { sockets } of connections) for (const socket of sockets) socket.destroySoon();
    await Promise.all(connections.map(({ done }) => done));
    return connections.flatMap(({ exchanges }) => exchanges);
  }

  /** The exchanges so far on all connections, open ones included. */
  get exchanges(): Exchange[] {
    return this.#connections.flatMap(({ exchanges }) => exchanges);
  }

  async stop(): Promise<void> {
    for (const { sockets } of this.#connections) for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
