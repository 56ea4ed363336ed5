/**
 * The HTTP server for Prometheus and load balancers, on a loopback port or a unix socket:
 *
 * - GET /metrics: the figures, in Prometheus' text format.
 * - GET /healthz: 200 if backupd accepts mail, 503 with the reasons if it does not.
 *
 * There is neither a password nor TLS, so other addresses are refused. A hostile client costs a
 * connection out of a few, for a few seconds: bodies are not read, headers are small, and no page
 * is made for a client while another one is being made.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIPv4 } from 'node:net';
import { BackupError, messageOf } from '../../errors.ts';
import type { Log } from '../../logging/events.ts';
import { bind } from '../bind.ts';
import type { BoundAddress, ListenAddress } from '../bind.ts';
import type { MetricsPage } from './page.ts';

const MOST_CONNECTIONS = 32;
const MOST_HEADER_BYTES = 8192;
const REQUEST_TIMEOUT_MS = 5000;
/** A client that neither reads nor writes for this long is cut off. */
const SILENT_TIMEOUT_MS = 10_000;
const SOCKET_MODE = 0o660;

export interface MonitorOptions {
  readonly log: Log;
  readonly page: MetricsPage;
  /** Why backupd is not ready; empty if it is. */
  readonly unready: () => readonly string[];
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const PLAIN = 'text/plain; charset=utf-8';

export class MonitorServer {
  readonly #server: Server;
  readonly #options: MonitorOptions;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: MOST_HEADER_BYTES,
        headersTimeout: REQUEST_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.setTimeout(SILENT_TIMEOUT_MS, (socket) => socket.destroy());
    this.#server.on('clientError', (_, socket) => socket.destroy());
  }

  /** Throws a BackupError that names the address. */
  listen(address: ListenAddress): Promise<BoundAddress> {
    return bind(this.#server, address);
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
    this.#options.page.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, text } = await this.#answer(request);
    const body = Buffer.from(text);
    const hasBody = request.headers['content-length'] !== undefined || 'transfer-encoding' in request.headers;
    response.writeHead(status, {
      'content-type': type,
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
      // What a client sends after its headers is not read.
      ...(hasBody ? { connection: 'close' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #answer({ method, url = '' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, type: PLAIN, text: 'only GET and HEAD\n' };
    const path = url.split('?', 1)[0];
    const { page } = this.#options;
    try {
      if (path === '/metrics') {
        return { status: 200, type: page.contentType, text: await page.text() };
      }
      if (path === '/healthz') return this.#health();
    } catch (error) {
      this.#options.log.write('metrics-failed', { reason: (error as Error).stack ?? messageOf(error) });
      return { status: 500, type: PLAIN, text: 'see the log of backupd\n' };
    }
    return { status: 404, type: PLAIN, text: 'there are /metrics and /healthz\n' };
  }

  #health(): Answer {
    const reasons = this.#options.unready();
    const text = `${JSON.stringify({ ready: reasons.length === 0, reasons })}\n`;
    return { status: reasons.length === 0 ? 200 : 503, type: 'application/json', text };
  }
}

/**
 * Parses backup_metrics_listen: an address of this machine with a port, or the path of a unix
 * socket. Throws BackupError 'config'.
 */
export function monitorAddress(text: string, file: string): ListenAddress {
  if (text.startsWith('/')) return { path: text, mode: SOCKET_MODE };
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  const isLoopback = host === '::1' || host === 'localhost' || (isIPv4(host) && host.startsWith('127.'));
  if (match !== null && port <= 65_535 && isLoopback) return { host, port };
  throw new BackupError(
    'config',
    `${file}: backup_metrics_listen: ${text} is not an address of this machine alone: ` +
      'write 127.0.0.1:9905, [::1]:9905, or the absolute path of a unix socket',
    { subject: 'backup_metrics_listen' },
  );
}
