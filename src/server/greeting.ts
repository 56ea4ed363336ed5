/**
 * The dialogue before a peer may do anything: the banner, and AUTHENTICATE. It knows who the peer is, and counts how often it
 * was wrong; all else is the session's.
 */
import { extraArguments, banner, missingArgument, responses } from '../protocol/responses.ts';
import { authenticate } from './authenticate.ts';
import type { Channel } from './channel.ts';
import type { ServerOptions } from './options.ts';

/** Whether the conversation goes on after a command. */
export type Outcome = 'next' | 'end';

/** Does what waits for the peer, and hangs up where the peer is silent for too long. */
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

  /** Who has logged in, if anybody has. */
  get user(): string | null {
    return this.#user;
  }

  async greet(): Promise<void> {
    await this.#answer(
      banner({
        serverName: this.#options.serverName,
        version: this.#options.version,
        mechanisms: this.#options.mechanisms(),
        startTls: false,
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
    if (result.user !== null) this.#user = result.user;
    else if (result.isFailure) {
      this.#failedLogins += 1;
      this.#options.log.warn(`${this.#channel.peer}: ${result.reason}`);
      await new Promise((resolve) => setTimeout(resolve, this.#options.failedLoginPauseMs));
    }
    await this.#answer(result.answer);
    return this.#failedLogins < this.#options.failedLoginLimit ? 'next' : 'end';
  }

  async #answer(text: string): Promise<Outcome> {
    await this.#channel.write(text);
    await this.#channel.flush();
    return 'next';
  }
}
