/**
 * A TCP proxy that notes what a sync_client says and what it is answered, also after COMPRESS DEFLATE. Bytes are passed
 * on untouched and at once. The client waits for each reply (no pipelining), so the n-th tagged reply of a
 * connection belongs to its n-th command.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInflateRaw, type InflateRaw } from 'node:zlib';

/** A message in the client's stream: `%{partition guid size}`; any other literal: `{size+}`. */
const LITERAL = /(?:(%)\{[^ {}]+ [0-9a-f]{40} |\{)(\d+)\+?\}$/;

export interface Exchange {
  /** The whole command line; messages are left out of it, other literals are in it. */
  readonly command: string;
  /** Undefined where none came. */
  readonly reply: string | undefined;
}

/** Cuts a stream into lines, with literals taken as part of them. */
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

  /** From here on the stream is deflated. It never ends properly, hence the error that is no error. */
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

  /** For connections from now on. */
  pointAt(port: number): void {
    this.#target.port = port;
  }

  /** All exchanges since the last call, in order. Ends what is still connected. */
  async take(): Promise<Exchange[]> {
    const connections = this.#connections;
    this.#connections = [];
    for (const { sockets } of connections) for (const socket of sockets) socket.destroySoon();
    await Promise.all(connections.map(({ done }) => done));
    return connections.flatMap(({ exchanges }) => exchanges);
  }

  /** What was said so far on all connections, those that are open included. */
  get exchanges(): Exchange[] {
    return this.#connections.flatMap(({ exchanges }) => exchanges);
  }

  async stop(): Promise<void> {
    for (const { sockets } of this.#connections) for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
