/**
 * A connection to any IMAP server, through ImapFlow. Each step has a time limit, and `reopen()`
 * replaces a broken connection. Errors are BackupErrors, and each one names the command that
 * failed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapFlow } from 'imapflow';
import { BackupError, messageOf } from '../../errors.ts';
import type { TlsTrust } from '../connection/wire.ts';

export interface ImapLogin {
  readonly host: string;
  readonly port: number;
  readonly isImplicitTls: boolean;
  readonly user: string;
  readonly password: string;
  /** The user to act for, if the login is an administrator's (SASL's authorization identity). */
  readonly actFor: string | undefined;
  /** null: TLS is not used even if the server offers it. */
  readonly tls: TlsTrust | null;
  /** True if the password may be sent unencrypted when the connection has no TLS. */
  readonly allowsClear: boolean;
  /** The limit for connecting, and for the greeting. */
  readonly connectTimeoutMs: number;
  /** How long the server may be silent while the client waits for an answer. */
  readonly silenceTimeoutMs: number;
  /** Pauses before each attempt to reconnect. */
  readonly backoffMs?: readonly number[];
}

const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];
/** Response codes of refusals that may not recur on a later try (RFC 5530). */
const TRANSIENT = new Set(['UNAVAILABLE', 'INUSE']);
/** ImapFlow's codes for a connection that is gone (its errors.d.ts). */
const GONE = new Set([
  'NoConnection',
  'EConnectionClosed',
  'StateLogout',
  'ClosedAfterConnectText',
  'ClosedAfterConnectTLS',
  'ETIMEOUT',
]);

export class ImapConnection {
  readonly peer: string;
  readonly #login: ImapLogin;
  #client: ImapFlow;
  /**
   * The cause of a broken connection, which ImapFlow reports separately from the failed command.
   */
  #reason: unknown;

  private constructor(login: ImapLogin) {
    this.#login = login;
    this.peer = `${login.host}:${login.port}`;
    this.#client = this.#newClient();
  }

  /** Throws 'auth' if the server rejects the login, or its certificate is not trusted. */
  static async open(login: ImapLogin): Promise<ImapConnection> {
    const connection = new ImapConnection(login);
    await connection.#connect();
    return connection;
  }

  get client(): ImapFlow {
    return this.#client;
  }

  /**
   * Runs one command. Throws 'closed' if the connection broke, and 'locked' if a later try may
   * succeed.
   */
  async ask<T>(what: string, run: (client: ImapFlow) => Promise<T>): Promise<T> {
    const client = this.#client;
    try {
      return await run(client);
    } catch (error) {
      throw this.#inOurWords(error, what, client);
    }
  }

  /** Replaces a broken connection, with several attempts. Throws the error of the last attempt. */
  async reopen(): Promise<void> {
    const pauses = this.#login.backoffMs ?? BACKOFF_MS;
    this.#client.close();
    for (const [index, pause] of pauses.entries()) {
      await sleep(pause);
      this.#client = this.#newClient();
      try {
        await this.#connect();
        return;
      } catch (error) {
        // The password was accepted before. So the reason for this refusal is too many connections,
        // or a restart of the server.
        if (index < pauses.length - 1) continue;
        throw new BackupError('closed', messageOf(error), { cause: error });
      }
    }
  }

  /** Waits before retry number `attempt` of a command that the server refused for now. */
  async pause(attempt: number): Promise<void> {
    const pauses = this.#login.backoffMs ?? BACKOFF_MS;
    await sleep(pauses[Math.min(attempt, pauses.length) - 1] ?? 0);
  }

  async close(): Promise<void> {
    await this.#client.logout().catch(() => undefined);
    this.#client.close();
  }

  #newClient(): ImapFlow {
    const { host, port, user, password, actFor, tls } = this.#login;
    this.#reason = undefined;
    const client = new ImapFlow({
      host,
      port,
      secure: this.#login.isImplicitTls,
      ...(this.#login.isImplicitTls ? {} : startTlsOption(this.#login)),
      auth: { user, pass: password, ...(actFor === undefined ? {} : { authzid: actFor }) },
      tls: {
        rejectUnauthorized: tls?.verify ?? true,
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      },
      logger: false,
      disableAutoIdle: true,
      disableCompression: true,
      connectionTimeout: this.#login.connectTimeoutMs,
      greetingTimeout: this.#login.connectTimeoutMs,
      socketTimeout: this.#login.silenceTimeoutMs,
    });
    client.on('error', (error: unknown) => {
      this.#reason ??= error;
    });
    return client;
  }

  /** Limits the login as a whole: a server that trickles bytes would never be silent for long. */
  async #connect(): Promise<void> {
    const client = this.#client;
    const { connectTimeoutMs, silenceTimeoutMs } = this.#login;
    const limitMs = 2 * connectTimeoutMs + silenceTimeoutMs;
    const timer = setTimeout(() => {
      this.#reason ??= Object.assign(new Error('login'), { code: 'ETIMEOUT' });
      client.close();
    }, limitMs);
    try {
      await client.connect();
    } catch (error) {
      client.close();
      throw this.#inOurWords(error, 'the login', client);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Converts errors of ImapFlow, which say "Command failed" and keep the server's text in separate
   * fields.
   */
  #inOurWords(error: unknown, what: string, client: ImapFlow): BackupError {
    if (error instanceof BackupError) return error;
    const detail = detailOf(error);
    const broken = detailOf(this.#reason);
    const fail = (kind: BackupError['kind'], text: string, subject = detail.responseCode): BackupError =>
      new BackupError(kind, `${this.peer}: ${text}`, { cause: error, subject });
    if (detail.isAuthentication) return fail('auth', `login: ${detail.said}`);
    const codes = [detail.code, broken.code];
    if (codes.some((code) => /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code))) {
      return fail('auth', `the server's certificate: ${(broken.code === '' ? detail : broken).said}`);
    }
    const late = this.#whatWasLate(codes, what);
    if (late !== undefined) return fail('closed', late);
    const isGone = !client.usable || GONE.has(detail.code) || /^E[A-Z]+$/.test(detail.code);
    if (detail.code === 'ETHROTTLE' || (!isGone && TRANSIENT.has(detail.responseCode)))
      return fail('locked', `${what}: ${detail.said}`);
    if (isGone) return fail('closed', hungUp(detail, broken, what));
    if (detail.responseCode === 'OVERQUOTA')
      return fail('no-space', `the user's quota is full: ${detail.said}`);
    return fail('io', `${what}: ${detail.said}`);
  }

  #whatWasLate(codes: readonly string[], what: string): string | undefined {
    const { connectTimeoutMs, silenceTimeoutMs } = this.#login;
    const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
    if (codes.includes('CONNECT_TIMEOUT')) return `no connection in ${seconds(connectTimeoutMs)}`;
    if (codes.includes('GREETING_TIMEOUT')) return `no greeting in ${seconds(connectTimeoutMs)}`;
    if (codes.includes('UPGRADE_TIMEOUT')) return 'no answer to the TLS handshake';
    if (!codes.includes('ETIMEOUT')) return undefined;
    return `no answer to ${what} in ${seconds(silenceTimeoutMs)} (--timeout)`;
  }
}

interface Detail {
  readonly code: string;
  readonly responseCode: string;
  readonly said: string;
  readonly reason: string;
  readonly isAuthentication: boolean;
}

function detailOf(error: unknown): Detail {
  const fields = (error ?? {}) as Record<string, unknown>;
  const text = (key: string): string => (typeof fields[key] === 'string' ? fields[key] : '');
  const status = text('responseStatus');
  const response = text('responseText');
  return {
    code: text('code'),
    responseCode: text('serverResponseCode'),
    said: response === '' ? messageOf(error) : `${status} ${response}`.trim(),
    reason: text('reason'),
    isAuthentication: fields['authenticationFailed'] === true,
  };
}

function hungUp(detail: Detail, broken: Detail, what: string): string {
  const bye = detail.reason === '' ? broken.reason : detail.reason;
  if (bye !== '') return `the server hung up at ${what}: ${bye}`;
  const system = [detail, broken].find(({ code }) => /^E[A-Z]+$/.test(code));
  return system === undefined ? `the connection broke at ${what}` : `${what}: ${system.said}`;
}

/**
 * Returns the STARTTLS option: refused, required, or, if the option is omitted, used if the server
 * offers it.
 */
function startTlsOption({ tls, allowsClear }: ImapLogin): { doSTARTTLS?: boolean } {
  if (tls === null) return { doSTARTTLS: false };
  return allowsClear ? {} : { doSTARTTLS: true };
}
