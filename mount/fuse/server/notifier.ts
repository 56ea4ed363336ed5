/**
 * Sends invalidations to the kernel.
 *
 * To invalidate a name, the kernel takes the lock of its folder. A look-up in that folder holds the
 * same lock until the worker has answered. So the worker must never use this class, or it would
 * wait for itself. Its writes run in the thread pool, one at a time, so they do not block the
 * caller's event loop.
 */
import { write } from 'node:fs';
import { promisify } from 'node:util';
import { messageOf } from '../../../src/errors.ts';
import { NAME_MAX_BYTES } from '../../vfs/filesystem.ts';
import type { Invalidator } from '../../vfs/tree.ts';
import { OUT_HEADER_BYTES } from '../wire/protocol.ts';
import { writeInvalidEntry, writeInvalidInode } from '../wire/structs.ts';

const writeTo = promisify(write);

/**
 * Errors to ignore. They mean that the kernel does not know the node or name, or (EPERM) that the
 * mount is not in place yet.
 */
const UNKNOWN = new Set<unknown>(['ENOENT', 'ENOTDIR', 'EPERM']);
const UNMOUNTED = new Set<unknown>(['ENODEV', 'ENOTCONN', 'ECONNABORTED']);

export class Notifier implements Invalidator {
  readonly #fd: number;
  readonly #log: (line: string) => void;
  readonly #message = Buffer.alloc(OUT_HEADER_BYTES + 24 + NAME_MAX_BYTES + 1);
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(fd: number, log: (line: string) => void) {
    this.#fd = fd;
    this.#log = log;
  }

  folder(number: number, withList: boolean): Promise<void> {
    return this.#send((message) => writeInvalidInode(message, number, 0, withList));
  }

  child(number: number, child: number): Promise<void> {
    return this.#send((message) => writeInvalidInode(message, number, child, false));
  }

  name(parent: number, name: Buffer): Promise<void> {
    return this.#send((message) => writeInvalidEntry(message, parent, name));
  }

  /** Stops sending. Resolves when no write is in progress any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
  }

  #send(fill: (message: Buffer) => number): Promise<void> {
    this.#last = this.#last.then(() => (this.#isClosed ? undefined : this.#write(fill(this.#message))));
    return this.#last;
  }

  async #write(bytes: number): Promise<void> {
    try {
      await writeTo(this.#fd, this.#message, 0, bytes);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (UNMOUNTED.has(code)) this.#isClosed = true;
      else if (!UNKNOWN.has(code)) this.#log(`mount: telling the kernel of a change: ${messageOf(error)}`);
    }
  }
}
