/**
 * Makes the first list of a mount as quick as the later ones. The first few thousand entries that are made cost many times what they do
 * when V8 has compiled what makes them, and the first backup that is opened loads SQLite.
 */
import type { DirectoryEntry, Filesystem } from '../../filesystem.ts';
import type { Node } from '../../tree.ts';
import { entryEnd, entryNext } from './directory.ts';
import { IN_HEADER_BYTES, MAX_READ_BYTES, OPCODE, OUT_HEADER_BYTES } from './protocol.ts';
import { Session } from './session.ts';

/** As libc asks for lists. */
const PAGE_BYTES = 32 * 1024;
/** struct fuse_read_in, which is that of READDIRPLUS, too. */
const READ_IN_BYTES = 40;
/** At each level: where the first few have no mail, there is perhaps none at all. */
const MOST_TRIED = 4;
const MOST_LEVELS = 3;

/**
 * Lists some folder with mail, over and over, for about so long; a look at the disk may take its own time. What fails is left to
 * be told to whoever asks for it.
 */
export function warmUp(filesystem: Filesystem, forMs: number): void {
  const endMs = performance.now() + forMs;
  // Of its own: the kernel has not asked, so nothing is to be remembered for it.
  const session = new Session(filesystem, 0, () => undefined);
  try {
    filesystem.begin();
    const folder = folderWithMail(filesystem, filesystem.root, MOST_LEVELS);
    if (folder === undefined) return;
    const request = listRequest(session.registry.remember(folder));
    const reply = Buffer.alloc(OUT_HEADER_BYTES + MAX_READ_BYTES);
    for (let cookie = 0; performance.now() < endMs;) {
      request.writeBigUInt64LE(BigInt(cookie), IN_HEADER_BYTES + 8);
      cookie = lastCookie(reply, session.answer(request, request.length, reply));
      session.afterReply();
    }
  } catch {
    // It would have failed just so without us.
  }
}

/** READDIRPLUS. */
function listRequest(placeNumber: number): Buffer {
  const request = Buffer.alloc(IN_HEADER_BYTES + READ_IN_BYTES);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt32LE(OPCODE.READDIRPLUS, 4);
  request.writeUInt32LE(placeNumber, 20);
  request.writeUInt32LE(PAGE_BYTES, IN_HEADER_BYTES + 16);
  return request;
}

/** 0 at the end of the list. */
function lastCookie(reply: Buffer, replyBytes: number): number {
  let cookie = 0;
  for (let at = OUT_HEADER_BYTES; at < replyBytes; at = entryEnd(reply, at, true)) {
    cookie = entryNext(reply, at, true);
  }
  return cookie;
}

/** The first folder found in which something is a number: a message. */
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
