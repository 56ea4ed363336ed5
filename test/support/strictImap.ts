/**
 * An IMAP server in memory, for one user. It is strict wherever a real server may be, and has
 * faults that a test can choose. It stores messages as they came, or as `stored` changes them, and
 * counts the fetched bodies.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { SocketReader } from './socketReader.ts';
import { StrictSession } from './strictImapSession.ts';

export interface StrictMessage {
  readonly uid: number;
  flags: string[];
  readonly date: string;
  readonly bytes: Buffer;
}

export interface Faults {
  /** Text of PERMANENTFLAGS after the system flags. */
  readonly keywords?: string;
  /** Returns the response (NO or BAD) with which a command with this keyword is refused. */
  readonly refusesKeyword?: (keyword: string) => string | undefined;
  /** Answers OK for these keywords, and does not store them. */
  readonly forgetsKeyword?: (keyword: string) => boolean;
  /**
   * Closes the connection instead of answering an APPEND. With `after`, the message is stored
   * first.
   */
  readonly dropsAt?: (bytes: Buffer) => 'before' | 'after' | undefined;
  /** Sends BYE after this many APPENDs on one connection. */
  readonly appendsAConnection?: number;
  /** Stops answering from this command on; with `GREETING` from the start. */
  readonly silentAt?: string;
  readonly delimiter?: string | null;
  readonly isCaseBlind?: boolean;
  /** Returns the response with which creating this folder is refused. */
  readonly refusesFolder?: (path: string) => string | undefined;
  readonly listFlags?: (path: string) => string;
  readonly stored?: (bytes: Buffer) => Buffer;
  readonly reportedSize?: (bytes: Buffer) => number;
  readonly ignoresDate?: boolean;
  /** Refuses to send the bodies of these messages (UIDs). */
  readonly unreadable?: ReadonlySet<number>;
}

export class StrictImap {
  readonly folders = new Map<string, StrictMessage[]>([['INBOX', []]]);
  readonly subscribed = new Set<string>();
  /** The command lines received, without literals. */
  readonly commands: string[] = [];
  fetchedBodies = 0;
  connections = 0;
  faults: Faults;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(faults: Faults) {
    this.faults = faults;
    this.#server = createServer((socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      void new StrictSession(this, new SocketReader(socket)).run().catch(() => socket.destroy());
    });
  }

  static async start(faults: Faults = {}): Promise<StrictImap> {
    const server = new StrictImap(faults);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  put(
    path: string,
    bytes: Buffer | string,
    flags: readonly string[] = [],
    date = '01-Jan-2020 00:00:00 +0000',
  ): void {
    const folder = this.folders.get(path) ?? [];
    this.folders.set(path, folder);
    folder.push({ uid: (folder.at(-1)?.uid ?? 0) + 1, flags: [...flags], date, bytes: Buffer.from(bytes) });
  }

  sha1s(path: string): string[] {
    return (this.folders.get(path) ?? []).map(({ bytes }) => createHash('sha1').update(bytes).digest('hex'));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
