/**
 * The listening sockets. Starts a session for each connection, limits their number, applies new
 * options, and stops in an orderly way.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { bind, isTlsFromStart } from './bind.ts';
import type { BoundAddress, ListenAddress } from './bind.ts';
import { Channel } from './connection/channel.ts';
import { hostNameOf } from './limits/hostLimits.ts';
import type { ServerOptions } from './options.ts';
import { Session } from './session.ts';

/** During a flood of connections, at most one log line is written in this time. */
const EVICTIONS_LOGGED_MS = 1000;
/**
 * The most refused connections that may still read the reason. During a flood, further connections
 * are closed at once.
 */
const MOST_TURNED_AWAY = 64;

export class Listener {
  #options: ServerOptions;
  readonly #servers: Server[] = [];
  /** Connections, the oldest first. */
  readonly #sessions = new Set<Session>();
  /**
   * One promise for each session until the session has ended, even if another connection already
   * has its place.
   */
  readonly #running = new Set<Promise<void>>();
  #turnedAway = 0;
  readonly #evicted = { count: 0, loggedAt: -Infinity };

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** The number of open connections. */
  get connectionCount(): number {
    return this.#sessions.size;
  }

  /** Also listens on this address. Throws a BackupError that names the address. */
  async listen(address: ListenAddress): Promise<BoundAddress> {
    const isTls = isTlsFromStart(address);
    const server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket, isTls));
    const bound = await bind(server, address);
    server.on('error', (error) => this.#options.log.write('listener-failed', { reason: error.message }));
    this.#servers.push(server);
    return bound;
  }

  /**
   * Sets the options for new sessions. Open sessions keep the options with which they began.
   * Sessions of users who are no longer admins end.
   */
  reconfigure(options: ServerOptions): void {
    this.#options = options;
    for (const session of this.#sessions) {
      if (session.user === null || options.admins.includes(session.user)) continue;
      options.log.write('not-admin', { user: session.user });
      session.stop();
    }
  }

  /**
   * Accepts no more connections, lets each session finish its command, and waits for all of them.
   */
  async stop(): Promise<void> {
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const session of this.#sessions) session.stop();
    await Promise.all(this.#running);
    await Promise.all(closed);
  }

  #accept(socket: Socket, isTls: boolean): void {
    const { log, writeTimeoutMs, status } = this.#options;
    const channel = new Channel(socket, writeTimeoutMs);
    this.#makeRoom(channel.address);
    const reason = this.#reasonAgainst(channel);
    if (reason !== null) {
      if (this.#turnedAway < MOST_TURNED_AWAY) log.write('turned-away', { reason }, { peer: channel.peer });
      status?.recordCount('connections', 'refused');
      void this.#turnAway(channel, isTls);
      return;
    }
    status?.recordCount('connections', 'accepted');
    const session = new Session(channel, this.#options, isTls);
    this.#sessions.add(session);
    const running = session.run().finally(() => {
      this.#forget(session);
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  /** Frees the session's place for another connection. */
  #forget(session: Session): void {
    if (this.#sessions.delete(session)) this.#options.hosts.disconnect(session.address);
  }

  /**
   * Call at a limit to make room for a new connection. Closes a connection that has not logged in:
   * the oldest of the same host, or of the host that has the most of them. Peers that only connect
   * thus shut out only each other, and nobody who has logged in.
   */
  #makeRoom(address: string | undefined): void {
    const { hosts, maxConnections } = this.#options;
    const host = hostNameOf(address);
    const strangers = new Map<string, Session[]>();
    for (const session of this.#sessions) {
      if (session.user !== null) continue;
      const name = hostNameOf(session.address);
      const others = strangers.get(name);
      if (others === undefined) strangers.set(name, [session]);
      else others.push(session);
    }
    const own = strangers.get(host) ?? [];
    const isOver = hosts.mostStrangers > 0 && own.length >= hosts.mostStrangers;
    if (isOver || hosts.isFull(address)) this.#evict(own.shift());
    if (this.#sessions.size < maxConnections) return;
    let most: Session[] = [];
    for (const sessions of strangers.values()) if (sessions.length > most.length) most = sessions;
    this.#evict(most[0]);
  }

  #evict(session: Session | undefined): void {
    if (session === undefined) return;
    this.#forget(session);
    session.evict();
    this.#evicted.count += 1;
    if (performance.now() - this.#evicted.loggedAt < EVICTIONS_LOGGED_MS) return;
    this.#options.log.write('evicted', { connections: this.#evicted.count });
    this.#evicted.count = 0;
    this.#evicted.loggedAt = performance.now();
  }

  /**
   * Returns the reason to refuse the connection. Counts the connection with its host if there is no
   * such reason.
   */
  #reasonAgainst({ address }: Channel): string | null {
    const { hosts, maxConnections } = this.#options;
    if (this.#sessions.size >= maxConnections) return `${this.#sessions.size} connections are open`;
    return hosts.connect(address);
  }

  /**
   * Refuses a connection. Never rejects. Does not wait long for a peer that keeps its end open. On
   * a TLS port it sends nothing in plain text.
   */
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
