/**
 * Carries a connection's bytes both ways: the socket, TLS once it was negotiated, and after
 * COMPRESS a raw deflate stream each way. The output stream is sync-flushed at the end of every
 * answer. Reading goes through a SocketSource, which bounds the buffered bytes. A writer waits if
 * the peer does not read.
 */
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { FramingError } from '../../protocol/framing.ts';
import { SocketSource } from '../../protocol/source.ts';
import { BackupError } from '../../errors.ts';
import { NO_TLS } from '../auth/exchange.ts';
import type { ConnectionSecurity } from '../auth/exchange.ts';
import type { TlsContext } from '../tls/tls.ts';
import type { Telemetry } from './telemetry.ts';

/**
 * zlib settings that take 96 KiB per session instead of 256: a thousand sessions may use
 * compression.
 */
const SMALL_DEFLATE = { windowBits: 13, memLevel: 7 } as const;
/** How much output may be buffered before a writer waits for a flush. */
const WRITE_BUFFER_BYTES = 256 * 1024;

export class Channel {
  readonly source: SocketSource;
  readonly peer: string;
  /** The peer's address. Undefined for a unix socket. */
  readonly address: string | undefined;
  #socket: Socket;
  #security = NO_TLS;
  #inflater: zlib.InflateRaw | null = null;
  #deflater: zlib.DeflateRaw | null = null;
  #deflated: Buffer[] = [];
  #pending: string[] = [];
  #pendingLength = 0;
  #writeTimeoutMs: number;
  #writeTimer: NodeJS.Timeout | undefined;
  #telemetry: Telemetry | null = null;

  /** Closes the connection if the peer accepts nothing for writeTimeoutMs. */
  constructor(socket: Socket, writeTimeoutMs: number) {
    this.#socket = socket;
    this.#writeTimeoutMs = writeTimeoutMs;
    this.address = socket.remoteAddress;
    this.peer = socket.remoteAddress === undefined ? 'local' : `${socket.remoteAddress}:${socket.remotePort}`;
    this.source = new SocketSource({
      pause: () => this.#input().pause(),
      resume: () => this.#input().resume(),
    });
    socket.setNoDelay(true);
    this.#listen(socket);
  }

  /** What TLS says about the connection's security. */
  get security(): ConnectionSecurity {
    return this.#security;
  }

  get isCompressed(): boolean {
    return this.#inflater !== null;
  }

  /**
   * Copies all further data to the telemetry, without TLS and compression. The telemetry ends with
   * the connection.
   */
  watch(telemetry: Telemetry): void {
    this.#telemetry = telemetry;
  }

  /** Stops reading plain text. Returns true if all received data had been read. */
  holdInput(): boolean {
    this.#socket.off('data', this.#fromSocket);
    this.#socket.off('end', this.#atEnd);
    this.#socket.pause();
    return this.source.takeRemaining().length === 0;
  }

  /**
   * Uses TLS both ways from the next byte. Returns a description of what was negotiated. Throws
   * the same errors as TlsContext.handshake.
   */
  async startTls(tls: TlsContext): Promise<string> {
    this.holdInput();
    const { socket, security, description } = await tls.handshake(this.#socket);
    this.#socket = socket;
    this.#security = security;
    this.#listen(socket);
    return description;
  }

  /** Buffers text (latin1) for the peer. Waits only if much is buffered already. */
  async write(text: string): Promise<void> {
    this.#pending.push(text);
    this.#pendingLength += text.length;
    if (this.#pendingLength >= WRITE_BUFFER_BYTES) await this.flush();
  }

  /** Sends everything buffered. Throws 'closed' if the peer is gone. */
  async flush(): Promise<void> {
    const bytes = Buffer.from(this.#pending.join(''), 'latin1');
    this.#pending = [];
    this.#pendingLength = 0;
    if (bytes.length === 0) return;
    this.#telemetry?.sent(bytes);
    const deflater = this.#deflater;
    if (deflater === null) await this.#send(bytes);
    else {
      deflater.write(bytes);
      await new Promise<void>((resolve) => deflater.flush(zlib.constants.Z_SYNC_FLUSH, resolve));
      // The data listener also gets what is still in the stream.
      deflater.read();
      await this.#send(Buffer.concat(this.#deflated.splice(0)));
    }
  }

  /**
   * Uses deflate both ways from the next byte (RFC 4978). Input that is already buffered is
   * compressed.
   */
  startCompression(): void {
    const inflater = zlib.createInflateRaw();
    this.#socket.off('data', this.#fromSocket);
    const ahead = this.source.takeRemaining();
    inflater.on('data', this.#fromSocket);
    inflater.on('end', () => this.source.end());
    // Peers end the connection without ending the deflate stream. A missing end is therefore not an
    // error.
    inflater.on('error', (cause: NodeJS.ErrnoException) =>
      this.source.end(
        cause.code === 'Z_BUF_ERROR'
          ? undefined
          : new FramingError('syntax', 'not a deflate stream', { cause }),
      ),
    );
    this.#inflater = inflater;
    this.#deflater = zlib.createDeflateRaw(SMALL_DEFLATE);
    // Collect the output at once. A stream with unread output produces no more, so a long answer
    // would never be flushed.
    this.#deflater.on('data', (piece: Buffer) => this.#deflated.push(piece));
    if (ahead.length > 0) inflater.write(ahead);
    this.#socket.pipe(inflater);
    this.#socket.resume();
  }

  /** Ends the connection once all output has been sent, or after two seconds. */
  async close(): Promise<void> {
    await promisify<void>((done) => {
      if (this.#socket.destroyed) {
        done(null);
        return;
      }
      const timer = setTimeout(() => this.#socket.destroy(), 2000);
      this.#socket.once('close', () => {
        clearTimeout(timer);
        done(null);
      });
      this.#socket.end();
      this.#socket.resume();
    })();
    this.#inflater?.close();
    this.#deflater?.close();
    this.#telemetry?.end();
  }

  /** Closes the connection at once. A command that waits for bytes ends with 'closed'. */
  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * Sets how long a peer may accept no data. The limit also applies to an answer that is already
   * waiting.
   */
  limitWrites(timeoutMs: number): void {
    this.#writeTimeoutMs = timeoutMs;
    if (this.#writeTimer !== undefined) this.#startWriteTimer();
  }

  #listen(socket: Socket): void {
    socket.on('data', this.#fromSocket);
    socket.on('end', this.#atEnd);
    socket.on('error', (error) => this.source.end(error));
    socket.on('close', () => this.source.end(new BackupError('closed', 'the connection was closed')));
  }

  #startWriteTimer(): void {
    clearTimeout(this.#writeTimer);
    this.#writeTimer = setTimeout(() => this.#socket.destroy(), this.#writeTimeoutMs);
  }

  readonly #fromSocket = (chunk: Buffer): void => {
    this.#telemetry?.received(chunk);
    this.source.push(chunk);
  };
  readonly #atEnd = (): void => {
    if (this.#inflater === null) this.source.end();
  };

  #input(): Socket | zlib.InflateRaw {
    return this.#inflater ?? this.#socket;
  }

  async #send(bytes: Buffer): Promise<void> {
    if (!this.#socket.writable) throw new BackupError('closed', 'the connection was closed');
    if (this.#socket.write(bytes)) return;
    this.#startWriteTimer();
    try {
      await this.#drained();
    } finally {
      clearTimeout(this.#writeTimer);
      this.#writeTimer = undefined;
    }
  }

  #drained(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const done = (): void => {
        this.#socket.off('close', failed);
        resolve();
      };
      const failed = (): void => {
        this.#socket.off('drain', done);
        reject(new BackupError('closed', 'the connection was closed'));
      };
      this.#socket.once('drain', done);
      this.#socket.once('close', failed);
    });
  }
}
