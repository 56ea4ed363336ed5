/**
 * The dialogue before the login: TLS from the first byte, the banner, STARTTLS, AUTHENTICATE. It
 * stores who the peer is and counts the peer's failed logins. The session does everything else.
 */
import { extraArguments, banner, missingArgument, responses } from '../protocol/responses.ts';
import { BackupError } from '../errors.ts';
import { authenticate } from './auth/authenticate.ts';
import { NO_TLS } from './auth/exchange.ts';
import { isKnownMechanism } from './auth/sasl.ts';
import type { Channel } from './connection/channel.ts';
import type { ServerOptions } from './options.ts';
import type { Where } from '../logging/events.ts';
import type { TlsContext } from './tls/tls.ts';

/** Whether the session continues after a command. */
export type Outcome = 'next' | 'end';

/** Runs work that waits for the peer, and closes the connection if the peer is silent too long. */
export type Waiting = <T>(work: () => Promise<T>) => Promise<T>;

export class Greeting {
  readonly #channel: Channel;
  readonly #options: ServerOptions;
  readonly #waiting: Waiting;
  #user: string | null = null;
  #failedLogins = 0;

  constructor(channel: Channel, options: ServerOptions, waiting: Waiting) {
    this.#channel = channel;
    this.#options = options;
    this.#waiting = waiting;
  }

  get #where(): Where {
    return { peer: this.#channel.peer };
  }

  /** The logged-in user, or null. */
  get user(): string | null {
    return this.#user;
  }

  /** Sends the banner. On a TLS port, the handshake comes first. */
  async greet(isTlsFromStart: boolean): Promise<Outcome> {
    if (!isTlsFromStart) return this.#sayBanner();
    const { tls, log } = this.#options;
    if (tls !== null) return this.#handshake(tls);
    // A reload may have removed the certificate: refuse the peer rather than continue without TLS.
    log.write('tls-missing', {}, this.#where);
    this.#channel.destroy();
    return 'end';
  }

  /**
   * Answers STARTTLS in Cyrus' words (cyrus-imapd imap/sync_server.c). If the server has no TLS,
   * the command is unknown.
   */
  async startTls(args: readonly string[]): Promise<Outcome> {
    const tls = this.#offeredTls();
    if (tls === null) return this.#answer(responses.unrecognized);
    if (args.length > 0) return this.#answer(extraArguments('STARTTLS'));
    if (this.#user !== null) return this.#answer(responses.startTlsLate);
    if (this.#channel.security !== NO_TLS) return this.#answer(responses.startTlsTwice);
    if (!this.#channel.holdInput()) {
      // Plain-text input must not be mistaken for input that TLS protects (CVE-2011-0411). An
      // honest client sends nothing before the handshake.
      this.#options.log.write('starttls-injected', {}, this.#where);
      await this.#answer(responses.startTlsInjected);
      return 'end';
    }
    await this.#answer(responses.startTls);
    return this.#handshake(tls);
  }

  /** The server's TLS. Also null on a unix socket, whose data crosses no network. */
  #offeredTls(): TlsContext | null {
    return this.#channel.address === undefined ? null : this.#options.tls;
  }

  async #handshake(tls: TlsContext): Promise<Outcome> {
    try {
      const description = await this.#waiting(() => this.#channel.startTls(tls));
      this.#options.log.write('tls', { tls: description }, this.#where);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      this.#options.log.write('tls-failed', { reason: error.message }, this.#where);
      this.#channel.destroy();
      return 'end';
    }
    return this.#sayBanner();
  }

  #sayBanner(): Promise<Outcome> {
    const { security } = this.#channel;
    return this.#answer(
      banner({
        serverName: this.#options.serverName,
        version: this.#options.version,
        mechanisms: this.#options.mechanisms(security),
        startTls: this.#offeredTls() !== null && security === NO_TLS,
        compress: true,
      }),
    );
  }

  async authenticate(args: readonly string[]): Promise<Outcome> {
    if (this.#user !== null) return this.#answer(responses.alreadyAuthenticated);
    const [mechanism, initial, ...rest] = args;
    if (mechanism === undefined) return this.#answer(missingArgument('AUTHENTICATE'));
    if (rest.length > 0) return this.#answer(extraArguments('AUTHENTICATE'));
    const result = await this.#waiting(() => authenticate(this.#channel, this.#options, mechanism, initial));
    if (result.user !== null) {
      this.#user = result.user;
      const tls = this.#channel.security.layerBits > 0 ? 'TLS' : undefined;
      const fields = { user: result.user, mechanism: mechanism.toUpperCase(), tls };
      this.#options.log.write('login', fields, this.#where);
      this.#options.status?.recordCount('logins', 'ok');
    } else if (result.isFailure) {
      this.#failedLogins += 1;
      const { claimedUser: user, reason } = result;
      const named = isKnownMechanism(mechanism) ? mechanism.toUpperCase() : undefined;
      this.#options.log.write('login-failed', { user, mechanism: named, reason }, this.#where);
      this.#options.status?.recordCount('logins', 'failed');
      this.#options.hosts.loginFailed(this.#channel.address);
      await new Promise((resolve) => setTimeout(resolve, this.#options.failedLoginPauseMs));
    }
    await this.#answer(result.answer);
    const isLockedOut = this.#user === null && this.#options.hosts.isLockedOut(this.#channel.address);
    return this.#failedLogins < this.#options.failedLoginLimit && !isLockedOut ? 'next' : 'end';
  }

  async #answer(text: string): Promise<Outcome> {
    await this.#channel.write(text);
    await this.#channel.flush();
    return 'next';
  }
}
