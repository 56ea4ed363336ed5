/**
 * An IMAP server in memory, for one user: strict where a real one may be, and with faults that can be chosen. It keeps
 * messages as they came, or as `stored` makes them, and counts which bodies are fetched.
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
  /** PERMANENTFLAGS after the system flags. */
  readonly keywords?: string;
  /** Why a keyword is refused, with the command: NO or BAD. */
  readonly refusesKeyword?: (keyword: string) => string | undefined;
  /** Answers OK, and does not keep these. */
  readonly forgetsKeyword?: (keyword: string) => boolean;
  /** Closes the connection instead of answering an APPEND; `after`: having stored the message. */
  readonly dropsAt?: (bytes: Buffer) => 'before' | 'after' | undefined;
  /** Says BYE after so many APPENDs of one connection. */
  readonly appendsAConnection?: number;
  /** Answers nothing from this command on; `GREETING` before all. */
  readonly silentAt?: string;
  readonly delimiter?: string | null;
  readonly isCaseBlind?: boolean;
  /** Refuses to create these. */
  readonly refusesFolder?: (path: string) => string | undefined;
  readonly listFlags?: (path: string) => string;
  readonly stored?: (bytes: Buffer) => Buffer;
  readonly reportedSize?: (bytes: Buffer) => number;
  readonly ignoresDate?: boolean;
  /** Refuses the bodies of these. */
  readonly unreadable?: ReadonlySet<number>;
}

export class StrictImap {
  readonly folders = new Map<string, StrictMessage[]>([['INBOX', []]]);
  readonly subscribed = new Set<string>();
  /** Command lines without their literals. */
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
