/**
 * The client's end of a connection to a server: TCP, TLS from the start or after STARTTLS, raw
 * deflate after COMPRESS.
 * - A SocketSource bounds what is buffered on reading.
 * - Writing waits while the server does not read.
 * - The connection fails if the server is silent for too long, so a restore never hangs forever.
 */
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import zlib from 'node:zlib';
import { BackupError, messageOf, systemReason } from '../../errors.ts';
import { SocketSource } from '../../protocol/source.ts';

/** How to authenticate the server. */
export interface TlsTrust {
  /** PEM certificates of the accepted authorities, in place of the system's. */
  readonly ca: string | undefined;
  /**
   * false: any certificate is accepted. The connection is encrypted, but the server's identity is
   * unproven.
   */
  readonly verify: boolean;
}

export interface WireOptions {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  /** How long the connection may be idle in both directions. */
  readonly silenceTimeoutMs: number;
}

/** The subject of the error for a server that was silent for too long. */
export const TIMED_OUT = 'timeout';
const GOODBYE_MS = 5000;
/** The system's codes for a server that is not there at all. */
const AWAY = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT']);

/**
 * The compression level. Speed matters more than size: a restore waits for the server, and mail
 * compresses little.
 */
const DEFLATE_LEVEL = 3;
const GATHER_BYTES = 64 * 1024;

export class Wire {
  readonly peer: string;
  source: SocketSource;
  readonly #options: WireOptions;
  #socket: Socket;
  #deflater: zlib.DeflateRaw | null = null;
  #inflater: zlib.InflateRaw | null = null;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #isEncrypted = false;
  /** Names the missing answer in the timeout error. */
  #missing = 'no greeting';
  /** The error after which the connection is no longer used. */
  #givenUp: BackupError | undefined;

  private constructor(options: WireOptions, socket: Socket) {
    this.#options = options;
    this.peer = `${options.host}:${options.port}`;
    this.#socket = socket;
    this.source = this.#listen(socket);
  }

  /** Throws 'closed' if the connection cannot be opened. */
  static async connect(options: WireOptions): Promise<Wire> {
    const { host, port, connectTimeoutMs } = options;
    const socket = connectTcp({ host, port, noDelay: true });
    await opened(socket, 'connect', connectTimeoutMs, `${host}:${port}`);
    return new Wire(options, socket);
  }

  get isEncrypted(): boolean {
    return this.#isEncrypted;
  }

  /** Names the command whose answer is expected next; the timeout error quotes it. */
  expect(what: string): void {
    this.#missing = `no answer to ${what}`;
  }

  /**
   * Runs a step before the first command, with a limit on its whole duration: a server that
   * trickles bytes is never silent.
   */
  async step<T>(
    missing: string,
    run: () => Promise<T>,
    limitMs = this.#options.connectTimeoutMs,
  ): Promise<T> {
    this.#missing = missing;
    const timer = setTimeout(() => this.#giveUp(limitMs), limitMs);
    try {
      return await run();
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * How long a login may take. Some servers delay the answer to a wrong password, but not this
   * long.
   */
  get loginLimitMs(): number {
    return this.#options.connectTimeoutMs + this.#options.silenceTimeoutMs;
  }

  /** Starts TLS. Throws 'auth' if the server's certificate is not trusted. */
  async startTls(trust: TlsTrust): Promise<void> {
    if (this.source.buffered > 0) {
      // An attacker could have injected this data before TLS, as a forged answer of the server.
      throw new BackupError('auth', `${this.peer}: there are answers in the clear behind STARTTLS`);
    }
    const { host, connectTimeoutMs } = this.#options;
    const old = this.#socket;
    for (const event of ['data', 'end', 'error', 'close', 'timeout']) old.removeAllListeners(event);
    old.setTimeout(0);
    const options: ConnectionOptions = {
      socket: old,
      // This is the name that the certificate must be issued for, not an address to connect to.
      host,
      rejectUnauthorized: trust.verify,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(trust.ca === undefined ? {} : { ca: trust.ca }),
    };
    const secure = connectTls(options);
    try {
      await opened(secure, 'secureConnect', connectTimeoutMs, this.peer);
    } catch (error) {
      throw this.#givenUp ?? error;
    }
    this.#socket = secure;
    this.#isEncrypted = true;
    this.source = this.#listen(secure);
  }

  /** Starts deflate in both directions, from the next byte on (RFC 4978). */
  startCompression(): void {
    const inflater = zlib.createInflateRaw();
    this.#socket.removeAllListeners('data');
    const ahead = this.source.takeRemaining();
    inflater.on('data', (piece: Buffer) => this.source.push(piece));
    inflater.on('end', () => this.source.end());
    inflater.on('error', (error) => this.source.end(error));
    this.#inflater = inflater;
    const deflater = zlib.createDeflateRaw({ level: DEFLATE_LEVEL });
    deflater.on('data', (piece: Buffer) => this.#socket.write(piece));
    this.#deflater = deflater;
    if (ahead.length > 0) inflater.write(ahead);
    this.#socket.pipe(inflater);
  }

  /**
   * Writes data; strings are latin1. Combines small pieces, and waits while the server does not
   * read.
   */
  async write(piece: string | Buffer): Promise<void> {
    const bytes = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.#send();
  }

  async flush(): Promise<void> {
    await this.#send();
    const deflater = this.#deflater;
    if (deflater === null) return;
    await new Promise<void>((resolve) => deflater.flush(zlib.constants.Z_SYNC_FLUSH, resolve));
  }

  /**
   * Sends the last command and closes the connection. Does not wait for the answer, and waits only
   * briefly for the command to be sent.
   */
  async sayGoodbye(send: () => Promise<void>): Promise<void> {
    try {
      await this.step('the server takes nothing', send, GOODBYE_MS);
    } catch {
      // The connection was already gone.
    }
    this.close();
  }

  close(): void {
    this.#socket.destroy();
    this.#inflater?.close();
    this.#deflater?.close();
  }

  async #send(): Promise<void> {
    if (this.#gatheredBytes === 0) return;
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (this.#socket.destroyed) throw this.#closed();
    const stream = this.#deflater ?? this.#socket;
    if (!stream.write(bytes)) await this.#drained(stream);
    if (this.#socket.writableNeedDrain) await this.#drained(this.#socket);
  }

  #drained(stream: Socket | zlib.DeflateRaw): Promise<void> {
    return new Promise((resolve, reject) => {
      const onDrain = (): void => {
        this.#socket.off('close', onClose);
        resolve();
      };
      const onClose = (): void => {
        stream.off('drain', onDrain);
        reject(this.#closed());
      };
      stream.once('drain', onDrain);
      this.#socket.once('close', onClose);
    });
  }

  #listen(socket: Socket): SocketSource {
    const source = new SocketSource({
      pause: () => (this.#inflater ?? socket).pause(),
      resume: () => (this.#inflater ?? socket).resume(),
    });
    const closed = (what: string): BackupError => new BackupError('closed', `${this.peer}: ${what}`);
    socket.on('data', (chunk: Buffer) => source.push(chunk));
    socket.on('error', (error) => source.end(closed(messageOf(error))));
    socket.on('close', () => source.end(closed('the connection was closed')));
    socket.setTimeout(this.#options.silenceTimeoutMs, () => this.#giveUp(this.#options.silenceTimeoutMs));
    return source;
  }

  #closed(): BackupError {
    return this.#givenUp ?? new BackupError('closed', `${this.peer}: the connection was closed`);
  }

  #giveUp(afterMs: number): void {
    const text = `${this.peer}: ${this.#missing} in ${afterMs / 1000} s (--timeout)`;
    this.#givenUp ??= new BackupError('closed', text, { subject: TIMED_OUT });
    this.source.end(this.#givenUp);
    this.#socket.destroy();
  }
}

/** Waits until a socket is open. */
async function opened(socket: Socket, event: string, timeoutMs: number, peer: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: unknown): void => {
      clearTimeout(timer);
      socket.removeAllListeners('error').removeAllListeners('close');
      if (error === undefined) resolve();
      else {
        socket.on('error', () => undefined);
        socket.destroy();
        reject(unreachable(error, peer));
      }
    };
    const timer = setTimeout(() => settle(new Error(`no answer in ${timeoutMs / 1000} s`)), timeoutMs);
    socket.once(event, () => settle());
    socket.once('error', settle);
    socket.once('close', () => settle(new Error('the connection was closed')));
  });
}

function unreachable(error: unknown, peer: string): BackupError {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && (code === 'EPROTO' || code.startsWith('ERR_SSL_'))) {
    const cure = 'imap:// speaks no TLS from the start, imaps:// does; or the port is another';
    return new BackupError('closed', `${peer}: the server does not speak TLS there: ${cure} (${code})`, {
      cause: error,
    });
  }
  const isCertificate = typeof code === 'string' && /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code);
  if (isCertificate) {
    const cure = '--tls-ca FILE names who vouches for it, --tls-no-verify accepts any';
    return new BackupError(
      'auth',
      `${peer}: the server's certificate is not trusted: ${messageOf(error)}: ${cure}`,
      {
        cause: error,
      },
    );
  }
  const kind = typeof code === 'string' && AWAY.has(code) ? 'unreachable' : 'closed';
  return new BackupError(kind, `${peer}: ${systemReason(error)}`, { cause: error });
}
