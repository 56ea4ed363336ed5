/** The listening socket: a session for each connection, limits on how many, and an orderly end. */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { asBackupError } from '../errors.ts';
import { Channel } from './channel.ts';
import type { ServerOptions } from './options.ts';
import { Session } from './session.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  /** TLS from the first byte, instead of STARTTLS. */
  readonly isTls?: boolean;
}

export class Listener {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #sessions = new Map<Session, Promise<void>>();
  #isTls = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket));
  }

  /** Answers the address that it listens on. Throws a BackupError that names it. */
  listen(address: ListenAddress): Promise<ListenAddress> {
    this.#isTls = address.isTls === true;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(asBackupError(error, `listen ${address.host}:${address.port}`));
      this.#server.once('error', fail);
      this.#server.listen(address.port, address.host, () => {
        this.#server.off('error', fail);
        this.#server.on('error', (error) => this.#options.log.error(`listener: ${error.message}`));
        const bound = this.#server.address();
        resolve(
          typeof bound === 'object' && bound !== null ? { host: bound.address, port: bound.port } : address,
        );
      });
    });
  }

  /** Takes no more connections, lets each session finish its command, and waits for all of them. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions.keys()) session.stop();
    await Promise.all(this.#sessions.values());
    await closed;
  }

  #accept(socket: Socket): void {
    const { hosts, log, idleTimeoutMs } = this.#options;
    const channel = new Channel(socket, idleTimeoutMs);
    const reason = this.#reasonAgainst(channel);
    if (reason !== null) {
      log.warn(`${channel.peer}: refused, ${reason}`);
      void turnAway(channel);
      return;
    }
    const session = new Session(channel, this.#options, this.#isTls);
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
}

/** Never rejects; does not wait long for a peer that keeps its end open. */
async function turnAway(channel: Channel): Promise<void> {
  await channel.write('* BYE Too many connections\r\n');
  await channel.flush().catch(() => undefined);
  await channel.close();
}
