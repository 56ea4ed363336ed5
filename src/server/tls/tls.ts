/**
 * TLS on accepted connections, from the first byte or after STARTTLS. Certificates can be replaced
 * while the server runs: existing connections keep the old ones, and new connections get the new
 * ones.
 *
 * A tls.Server that never listens does the handshakes. It receives each connection through its
 * documented 'connection' event. Only such a server reports whether a client's certificate is
 * trusted. It does not say which connection has finished, so the connections are identified by
 * their addresses. TLS is only for TCP: a unix socket has no addresses.
 */
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import { BackupError, messageOf } from '../../errors.ts';
import type { ConnectionSecurity } from '../auth/exchange.ts';
import { tlsOptions } from './files.ts';
import type { TlsSettings } from './files.ts';

export interface SecuredConnection {
  readonly socket: TLSSocket;
  readonly security: ConnectionSecurity;
  /** For the log: version, cipher and the client's identity. */
  readonly description: string;
}

interface Handshake {
  done(socket: TLSSocket): void;
  failed(error: Error): void;
}

export class TlsContext {
  readonly #handshakes = new Map<string, Handshake>();
  #settings: TlsSettings;
  #server: Server;

  /** Reads the files. Throws BackupError 'config' that names the option. */
  constructor(settings: TlsSettings) {
    this.#settings = settings;
    this.#server = this.#serverOf(settings);
  }

  /** Reads the files again, or the files of new settings. If that throws, nothing changes. */
  reload(settings: TlsSettings = this.#settings): void {
    this.#server = this.#serverOf(settings);
    this.#settings = settings;
  }

  /**
   * Performs the handshake. Throws BackupError 'auth' with the cause, or 'closed' if the peer left.
   * The caller must have removed its data listeners from the socket, and must destroy the socket if
   * this takes too long.
   */
  async handshake(socket: Socket): Promise<SecuredConnection> {
    const { clientCertificates } = this.#settings;
    const secured = await this.#shakeHands(socket);
    try {
      return secure(secured, clientCertificates === 'require');
    } catch (error) {
      secured.destroy();
      throw error;
    }
  }

  #shakeHands(socket: Socket): Promise<TLSSocket> {
    const key = keyOf(socket);
    return new Promise<TLSSocket>((resolve, reject) => {
      const closed = (): void =>
        reject(new BackupError('closed', 'the connection was closed during the TLS handshake'));
      socket.once('close', closed);
      this.#handshakes.set(key, {
        done: resolve,
        failed: (error) =>
          reject(new BackupError('auth', `TLS handshake failed: ${wordsOf(error)}`, { cause: error })),
      });
      if (socket.destroyed) closed();
      else this.#server.emit('connection', socket);
    }).finally(() => this.#handshakes.delete(key));
  }

  #serverOf(settings: TlsSettings): Server {
    const server = createServer(tlsOptions(settings));
    server.on('secureConnection', (socket) => {
      const handshake = this.#handshakes.get(keyOf(socket));
      if (handshake === undefined) socket.destroy();
      else handshake.done(socket);
    });
    server.on('tlsClientError', (error, socket) => this.#handshakes.get(keyOf(socket))?.failed(error));
    return server;
  }
}

/** A connection's key: the addresses and ports of both ends, which no two connections share. */
function keyOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}

function secure(socket: TLSSocket, requiresCertificate: boolean): SecuredConnection {
  const clientUser = clientOf(socket);
  if (clientUser === null && requiresCertificate) {
    throw new BackupError('auth', 'the client showed no certificate, and tls_client_certs is require');
  }
  const { name } = socket.getCipher();
  const protocol = socket.getProtocol() ?? 'TLS';
  const layerBits = cipherBits(name);
  const who = clientUser === null ? 'no client certificate' : `client certificate of ${clientUser}`;
  return {
    socket,
    security: { layerBits, clientUser },
    description: `${protocol} with ${name} (${layerBits} bits), ${who}`,
  };
}

/**
 * Returns the user that a client's certificate names: the common name of its subject (cyrus-imapd
 * imap/tls.c, tls_start_servertls). null if there is no certificate. Refuses an untrusted
 * certificate, as Cyrus does, and one without exactly one common name.
 */
function clientOf(socket: TLSSocket): string | null {
  if (socket.getPeerX509Certificate() === undefined) return null;
  if (!socket.authorized) {
    throw new BackupError(
      'auth',
      `the client's certificate is not good: ${String(socket.authorizationError)}`,
    );
  }
  const name: unknown = socket.getPeerCertificate().subject.CN;
  // Several names arrive as an array.
  if (typeof name !== 'string' || name === '' || /\p{Cc}/u.test(name)) {
    throw new BackupError('auth', "the subject of the client's certificate has not just one common name");
  }
  return name;
}

/**
 * Returns the strength of a cipher's key in bits, as OpenSSL counts it, for sasl_minimum_layer.
 */
export function cipherBits(name: string): number {
  if (/NULL/.test(name)) return 0;
  if (/(AES|CAMELLIA|ARIA)_?256|CHACHA20/.test(name)) return 256;
  if (/3DES|DES-CBC3/.test(name)) return 112;
  if (/DES/.test(name)) return 56;
  return 128;
}

/**
 * Returns the TLS error that broke an established connection, for the log. Returns null for all
 * other causes.
 */
export function brokenTls(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return String(error.code).startsWith('ERR_SSL_') ? `TLS broke: ${wordsOf(error)}` : null;
}

/**
 * Returns OpenSSL's reason if there is one, such as `wrong version number`. This is clearer than
 * the name of the function that noticed the error.
 */
function wordsOf(error: Error): string {
  const { reason, code } = error as { reason?: unknown; code?: unknown };
  if (typeof reason === 'string') return reason;
  return typeof code === 'string' ? code : messageOf(error);
}
