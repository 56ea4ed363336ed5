/** The listening sockets: a session for each connection, limits on how many, other options on the way, and an orderly end. */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { bind, isTlsFromStart } from './bind.ts';
import type { BoundAddress, ListenAddress } from './bind.ts';
import { Channel } from './channel.ts';
import type { ServerOptions } from './options.ts';
import { Session } from './session.ts';

/** Connections that are over the limit and may still read why; in a flood the rest is closed at once. */
const MOST_TURNED_AWAY = 64;

export class Listener {
  #options: ServerOptions;
  readonly #servers: Server[] = [];
  readonly #sessions = new Map<Session, Promise<void>>();
  #turnedAway = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Listens there too. Throws a BackupError that names the address. */
  async listen(address: ListenAddress): Promise<BoundAddress> {
    const isTls = isTlsFromStart(address);
    const server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket, isTls));
    const bound = await bind(server, address);
    server.on('error', (error) => this.#options.log.error(`listener: ${error.message}`));
    this.#servers.push(server);
    return bound;
  }

  /**
   * What sessions from now on run with. Those that are open go on with what they began with, but for users who are no longer
   * admins: theirs end.
   */
  reconfigure(options: ServerOptions): void {
    this.#options = options;
    for (const session of this.#sessions.keys()) {
      if (session.user === null || options.admins.includes(session.user)) continue;
      options.log.info(`${session.user} is not one of admins any more, closing`);
      session.stop();
    }
  }

  /** Takes no more connections, lets each session finish its command, and waits for all of them. */
  async stop(): Promise<void> {
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const session of this.#sessions.keys()) session.stop();
    await Promise.all(this.#sessions.values());
    await Promise.all(closed);
  }

  #accept(socket: Socket, isTls: boolean): void {
    const { hosts, log, idleTimeoutMs } = this.#options;
    const channel = new Channel(socket, idleTimeoutMs);
    const reason = this.#reasonAgainst(channel);
    if (reason !== null) {
      if (this.#turnedAway < MOST_TURNED_AWAY) log.warn(`${channel.peer}: refused, ${reason}`);
      void this.#turnAway(channel, isTls);
      return;
    }
    const session = new Session(channel, this.#options, isTls);
    const running = session.run().finally(() => {
      this.#sessions.delete(session);
      hosts.disconnect(channel.address);
    });
    this.#sessions.set(session, running);
  }

  /** Counts the connection with its host, where there is none. */
  #reasonAgainst({ address }: Channel): string | null {
    const { hosts, maxConnections } = this.#options;
    if (this.#sessions.size >= maxConnections) return `${this.#sessions.size} connections are open`;
    return hosts.connect(address);
  }

  /** Never rejects; does not wait long for a peer that keeps its end open. In the clear nothing is said where TLS is expected. */
  async #turnAway(channel: Channel, isTls: boolean): Promise<void> {
    if (isTls || this.#turnedAway >= MOST_TURNED_AWAY) {
      channel.destroy();
      return;
    }
    this.#turnedAway += 1;
    await channel.write('* BYE Too many connections\r\n');
    await channel.flush().catch(() => undefined);
    await channel.close();
    this.#turnedAway -= 1;
  }
}
