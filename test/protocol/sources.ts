/** Sources for tests: bytes in pieces of any size, for the socket's driver and for the log's. */
import { BackupError } from '../../src/errors.ts';
import type { FileLiteral } from '../../src/protocol/dlist.ts';
import { readWireCommand } from '../../src/protocol/driver.ts';
import type { WireCommand } from '../../src/protocol/grammar.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import type { Limits } from '../../src/protocol/limits.ts';
import type { SyncByteSource } from '../../src/protocol/logDriver.ts';
import { SocketSource } from '../../src/protocol/source.ts';

export function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A source that holds the text, pushed in pieces of the given size, and then ends. */
export function sourceOf(text: string, pieceBytes = Number.MAX_SAFE_INTEGER): SocketSource {
  const source = new SocketSource();
  const bytes = latin1(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) source.push(bytes.subarray(at, at + pieceBytes));
  source.end();
  return source;
}

export interface Session {
  commands: WireCommand[];
  errors: BackupError[];
  files: string[];
  goAheads: number;
  /** The connection had to be given up. */
  lost: boolean;
}

/** Reads all commands of a session, as a server would. Anything but a BackupError is thrown on. */
export async function readSession(source: SocketSource, limits: Limits = defaultLimits): Promise<Session> {
  const session: Session = { commands: [], errors: [], files: [], goAheads: 0, lost: false };
  const handlers = {
    onFile: async (file: FileLiteral, from: { bytes(n: number): Promise<Buffer> }): Promise<void> => {
      session.files.push((await from.bytes(file.size)).toString('latin1'));
    },
    onSynchronizingLiteral: (): void => {
      session.goAheads += 1;
    },
  };
  for (;;) {
    try {
      const command = await readWireCommand(source, limits, handlers);
      if (command === null) return session;
      session.commands.push(command);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      session.errors.push(error);
      if (error.name === 'FramingError' || error.kind === 'closed') {
        session.lost = true;
        return session;
      }
    }
  }
}

/** A log's chunk in memory. */
export class TextSource implements SyncByteSource {
  readonly #bytes: Buffer;
  position = 0;

  constructor(text: string) {
    this.#bytes = latin1(text);
  }

  line(): Buffer | null {
    if (this.position === this.#bytes.length) return null;
    const end = this.#bytes.indexOf(0x0a, this.position) + 1;
    return this.bytes((end === 0 ? this.#bytes.length : end) - this.position);
  }

  bytes(n: number): Buffer {
    if (this.position + n > this.#bytes.length) throw new BackupError('damaged', 'the chunk ends');
    this.position += n;
    return this.#bytes.subarray(this.position - n, this.position);
  }

  stream(n: number, sink?: (piece: Buffer) => void): void {
    sink?.(this.bytes(n));
    if (sink === undefined) this.position += n;
  }
}
