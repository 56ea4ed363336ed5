/**
 * Makes the first list and the first reads of a new mount as fast as later ones, by sending
 * practice requests. Until V8 has compiled the code, each of the first few thousand entries costs
 * many times as much. Opening the first backup also loads SQLite.
 */
import type { DirectoryEntry, Filesystem } from '../../vfs/filesystem.ts';
import type { Node } from '../../vfs/tree.ts';
import { entryEnd, entryName, entryNext } from '../wire/directory.ts';
import { IN_HEADER_BYTES, MAX_READ_BYTES, OPCODE, OUT_HEADER_BYTES } from '../wire/protocol.ts';
import type { Session } from '../server/requestHandler.ts';
import { FOLDER_IO_BYTES } from '../wire/structs.ts';

/** The size of the kernel's first read from a file; most messages are no longer. */
const READ_BYTES = 32 * 1024;
/** The size of struct fuse_read_in, which READ and READDIRPLUS requests use. */
const READ_IN_BYTES = 40;
/** The size of struct fuse_getattr_in. */
const GETATTR_IN_BYTES = 16;
/** The size of the nodeid, with which struct fuse_entry_out begins. */
const NODEID_BYTES = 8;
/**
 * Only one in this many messages of a list is read, because every read needs a look-up and inflates
 * data.
 */
const READ_EVERY = 12;
/**
 * How many subfolders are searched for mail at each level. If the first few have none, the search
 * ends.
 */
const MOST_TRIED = 4;
const MOST_LEVELS = 3;

/**
 * Lists a folder with mail repeatedly, and looks up and reads a few messages of each page. Takes
 * about `forMs`, plus the time for the disk. Errors are ignored, because real requests will report
 * them. Pass a session made for this purpose only, because the kernel does not know the nodes that
 * this session remembers.
 */
export function warmUp(session: Session, forMs: number): void {
  const endMs = performance.now() + forMs;
  const { filesystem } = session;
  try {
    filesystem.begin();
    const folder = folderWithMail(filesystem, filesystem.root, MOST_LEVELS);
    if (folder === undefined) return;
    const client = new Client(session, session.registry.remember(folder));
    for (let cookie = 0; performance.now() < endMs;) {
      const page = client.list(cookie);
      cookie = page.cookie;
      client.look();
      for (const name of page.names) client.readMessage(name);
    }
  } catch {
    // The same error will occur in a real request, which reports it.
  }
}

/** Sends requests about one folder, as the kernel does. */
class Client {
  readonly #session: Session;
  readonly #folder: Buffer;
  readonly #request = Buffer.alloc(IN_HEADER_BYTES + READ_IN_BYTES + 256);
  readonly #reply = Buffer.alloc(OUT_HEADER_BYTES + MAX_READ_BYTES);

  constructor(session: Session, referenceNumber: number) {
    this.#session = session;
    this.#folder = Buffer.alloc(NODEID_BYTES);
    this.#folder.writeUInt32LE(referenceNumber, 4);
  }

  /**
   * Requests the page of the list after `cookie`. Returns the names of some of its messages, and
   * the page's last cookie, or 0 at the end of the list.
   */
  list(cookie: number): { readonly cookie: number; readonly names: readonly Buffer[] } {
    const end = this.#askAt(OPCODE.READDIRPLUS, this.#folder, cookie, FOLDER_IO_BYTES);
    if (end === undefined) throw new Error('there is no list');
    const names: Buffer[] = [];
    let messages = 0;
    let last = 0;
    for (let at = OUT_HEADER_BYTES; at < end; at = entryEnd(this.#reply, at, true)) {
      last = entryNext(this.#reply, at, true);
      // The lower half of a nodeid is a message's number.
      const isMessage = this.#reply.readUInt32LE(at) !== 0;
      if (isMessage && messages % READ_EVERY === 0) names.push(Buffer.from(entryName(this.#reply, at, true)));
      if (isMessage) messages += 1;
    }
    return { cookie: last, names };
  }

  /**
   * Sends the requests by which a program reaches a message's folder, so that the code for folders
   * is compiled, too.
   */
  look(): void {
    this.#ask(OPCODE.GETATTR, this.#folder, GETATTR_IN_BYTES);
    this.#lookup(Buffer.from('.'));
  }

  /** Looks up and reads a message. Errors are ignored, because the message may be damaged. */
  readMessage(name: Buffer): void {
    if (this.#lookup(name) === undefined) return;
    const nodeid = Buffer.from(this.#reply.subarray(OUT_HEADER_BYTES, OUT_HEADER_BYTES + NODEID_BYTES));
    this.#askAt(OPCODE.READ, nodeid, 0, READ_BYTES);
  }

  #lookup(name: Buffer): number | undefined {
    name.copy(this.#request, IN_HEADER_BYTES);
    this.#request[IN_HEADER_BYTES + name.length] = 0;
    return this.#ask(OPCODE.LOOKUP, this.#folder, name.length + 1);
  }

  /** Sends a request with struct fuse_read_in, which holds an offset and a size. */
  #askAt(opcode: number, nodeid: Buffer, offset: number, sizeBytes: number): number | undefined {
    this.#request.writeBigUInt64LE(BigInt(offset), IN_HEADER_BYTES + 8);
    this.#request.writeUInt32LE(sizeBytes, IN_HEADER_BYTES + 16);
    return this.#ask(opcode, nodeid, READ_IN_BYTES);
  }

  /** Sends a request and returns the answer's length, or undefined if the answer is an error. */
  #ask(opcode: number, nodeid: Buffer, bodyBytes: number): number | undefined {
    const requestBytes = IN_HEADER_BYTES + bodyBytes;
    this.#request.writeUInt32LE(requestBytes, 0);
    this.#request.writeUInt32LE(opcode, 4);
    nodeid.copy(this.#request, 16);
    const replyBytes = this.#session.answer(this.#request, requestBytes, this.#reply);
    this.#session.afterReply();
    return this.#reply.readInt32LE(4) === 0 ? replyBytes : undefined;
  }
}

/** Returns the first folder found that contains a message (a child identified by number). */
function folderWithMail(filesystem: Filesystem, folder: Node, levels: number): Node | undefined {
  const entries = firstOf(filesystem, folder);
  if (entries.some(({ node }) => node !== undefined && node.number !== 0)) return folder;
  if (levels === 0) return undefined;
  for (const { node } of entries) {
    if (node?.place.kind !== 'folder') continue;
    const found = folderWithMail(filesystem, node, levels - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstOf(filesystem: Filesystem, folder: Node): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  filesystem.list(folder, 0, (entry) => {
    if (entry.node !== undefined) entries.push(entry);
    return entries.length < MOST_TRIED;
  });
  return entries;
}
