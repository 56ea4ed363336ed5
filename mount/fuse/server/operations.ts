/**
 * Answers the supported requests, with one function per opcode in a table. Any other request gets
 * ENOSYS. For some that is the best answer, because the kernel then stops sending them:
 *
 * - OPEN, OPENDIR, FLUSH: the mount keeps no state for open files. Without these requests, reading
 *   a cached file costs no request at all. But if the tree tracks open folders, OPENDIR is
 *   answered, and the kernel does not cache lists.
 * - ACCESS: with default_permissions, the kernel checks permissions itself.
 * - LSEEK: the kernel then treats every file as data without holes, which is correct.
 * - INTERRUPT: a request is answered before the next one is read, so there is nothing to interrupt.
 */
import { FsError } from '../../vfs/fsError.ts';
import { NAME_MAX_BYTES } from '../../vfs/filesystem.ts';
import type { Filesystem } from '../../vfs/filesystem.ts';
import type { Node } from '../../vfs/tree.ts';
import {
  IN_HEADER_BYTES,
  MAJOR,
  MAX_READ_BYTES,
  MIN_MINOR,
  OPCODE,
  OUT_HEADER_BYTES,
} from '../wire/protocol.ts';
import { writePage } from '../wire/directory.ts';
import { callerOf, mayUse } from './caller.ts';
import type { ListRequest } from '../wire/directory.ts';
import type { ListPrefetch } from '../prefetch/listPrefetch.ts';
import type { PrefetchPlanner } from '../prefetch/prefetcher.ts';
import type { Registry } from '../wire/registry.ts';
import {
  ATTR_OUT_BYTES,
  ENTRY_BYTES,
  INIT_OUT_BYTES,
  OPEN_OUT_BYTES,
  STATFS_BYTES,
  childNumberOf,
  readUint64,
  writeAttrOut,
  writeEntry,
  writeInitOut,
  writeNegativeEntry,
  writeStatfs,
} from '../wire/structs.ts';

/**
 * A request that is being answered. `request` holds the whole request with its header. The
 * operation writes the payload of the answer into `reply`, after the space for the header.
 */
export interface Call {
  readonly filesystem: Filesystem;
  readonly registry: Registry;
  readonly generation: number;
  readonly request: Buffer;
  readonly requestBytes: number;
  readonly reply: Buffer;
  readonly listPrefetch: ListPrefetch;
  readonly readAhead: PrefetchPlanner | undefined;
}

/** Returns the payload's length in bytes, or NO_REPLY. Throws errors that errnoOfError maps. */
export type Operation = (call: Call) => number;

export const NO_REPLY = -1;

const BODY = IN_HEADER_BYTES;
const PAYLOAD = OUT_HEADER_BYTES;

export const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [OPCODE.INIT, init],
  [OPCODE.LOOKUP, lookup],
  [OPCODE.FORGET, forget],
  [OPCODE.BATCH_FORGET, batchForget],
  [OPCODE.GETATTR, getattr],
  [OPCODE.READLINK, readlink],
  [OPCODE.READ, read],
  [OPCODE.READDIR, (call) => readdir(call, false)],
  [OPCODE.READDIRPLUS, (call) => readdir(call, true)],
  [OPCODE.STATFS, statfs],
  [OPCODE.GETXATTR, getxattr],
  [OPCODE.LISTXATTR, listxattr],
  [OPCODE.RELEASE, nothing],
  [OPCODE.OPENDIR, opendir],
  [OPCODE.RELEASEDIR, releasedir],
  [OPCODE.DESTROY, nothing],
]);

function nothing(): number {
  return 0;
}

function opendir(call: Call): number {
  const { filesystem, reply } = call;
  if (!filesystem.tracksOpenFolders) throw new FsError('ENOSYS');
  filesystem.openFolder(nodeOf(call));
  reply.fill(0, PAYLOAD, PAYLOAD + OPEN_OUT_BYTES);
  return OPEN_OUT_BYTES;
}

function releasedir(call: Call): number {
  if (call.filesystem.tracksOpenFolders) call.filesystem.releaseFolder(nodeOf(call));
  return 0;
}

function nodeOf({ request, registry }: Call): Node {
  const referenceNumber = request.readUInt32LE(20);
  return {
    place: registry.place(referenceNumber),
    number: childNumberOf(referenceNumber, request.readUInt32LE(16)),
  };
}

function init({ request, requestBytes, reply }: Call): number {
  const major = request.readUInt32LE(BODY);
  const minor = request.readUInt32LE(BODY + 4);
  if (major < MAJOR || (major === MAJOR && minor < MIN_MINOR)) throw new FsError('EINVAL');
  // If the kernel has a later major version, the answer contains only version 7. The kernel then
  // sends a second INIT in that version.
  const isOurs = major === MAJOR && requestBytes >= BODY + 16;
  const readAheadBytes = isOurs ? request.readUInt32LE(BODY + 8) : 0;
  const offered = isOurs ? request.readUInt32LE(BODY + 12) : 0;
  writeInitOut(reply, PAYLOAD, minor, Math.max(readAheadBytes, MAX_READ_BYTES), offered);
  return INIT_OUT_BYTES;
}

function lookup(call: Call): number {
  const { request, requestBytes, reply, filesystem, registry } = call;
  const parent = nodeOf(call);
  const entry = filesystem.lookup(parent, request.subarray(BODY, requestBytes - 1));
  const isHidden =
    entry !== undefined && filesystem.hidesNames(parent) && !mayUse(callerOf(request), entry.attributes);
  if (entry === undefined || isHidden) writeNegativeEntry(reply, PAYLOAD, filesystem.negativeValidMs(parent));
  else {
    const referenceNumber = registry.remember(entry.node);
    writeEntry(reply, PAYLOAD, referenceNumber, entry.node, entry.attributes, call.generation);
  }
  return ENTRY_BYTES;
}

function forget({ request, registry }: Call): number {
  registry.forget(request.readUInt32LE(20), readUint64(request, BODY));
  return NO_REPLY;
}

function batchForget({ request, registry }: Call): number {
  const count = request.readUInt32LE(BODY);
  for (let at = BODY + 8, end = at + count * 16; at < end; at += 16) {
    registry.forget(request.readUInt32LE(at + 4), readUint64(request, at + 8));
  }
  return NO_REPLY;
}

function getattr(call: Call): number {
  writeAttrOut(call.reply, PAYLOAD, call.filesystem.attributes(nodeOf(call)));
  return ATTR_OUT_BYTES;
}

function readlink(call: Call): number {
  return call.filesystem.readlink(nodeOf(call)).copy(call.reply, PAYLOAD);
}

function read(call: Call): number {
  const { request, reply, filesystem, readAhead } = call;
  const referenceNumber = request.readUInt32LE(20);
  const offset = readUint64(request, BODY + 8);
  const sizeBytes = Math.min(request.readUInt32LE(BODY + 16), MAX_READ_BYTES);
  const node = nodeOf(call);
  const target = reply.subarray(PAYLOAD, PAYLOAD + sizeBytes);
  const gotBytes = filesystem.read(node, offset, target);
  const isEnd = gotBytes < sizeBytes;
  if (offset === 0) readAhead?.note(referenceNumber, node, isEnd);
  else if (isEnd) readAhead?.noteEnd(referenceNumber, node);
  return gotBytes;
}

function readdir(call: Call, withAttributes: boolean): number {
  const { request, reply, filesystem, registry, generation, listPrefetch } = call;
  const list: ListRequest = {
    node: nodeOf(call),
    referenceNumber: request.readUInt32LE(20),
    cookie: readUint64(request, BODY + 8),
    sizeBytes: Math.min(request.readUInt32LE(BODY + 16), MAX_READ_BYTES),
    withAttributes,
  };
  const readyBytes = listPrefetch.take(list, reply, PAYLOAD);
  if (readyBytes !== undefined) return readyBytes;
  const page = writePage(filesystem, list, generation, reply, PAYLOAD, (node) => registry.remember(node));
  listPrefetch.follow(list, page);
  return page.bytes;
}

function statfs({ reply, filesystem }: Call): number {
  writeStatfs(reply, PAYLOAD, filesystem.statistics(), NAME_MAX_BYTES);
  return STATFS_BYTES;
}

function getxattr(call: Call): number {
  const name = call.request.toString('latin1', BODY + 8, call.requestBytes - 1);
  return answerXattr(call, call.filesystem.xattr(nodeOf(call), name));
}

function listxattr(call: Call): number {
  const names = call.filesystem.xattrNames(nodeOf(call));
  return answerXattr(call, Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1'));
}

/**
 * Answers with an extended attribute's value. If the requested size is 0, the answer contains only
 * the value's size.
 */
function answerXattr({ request, reply }: Call, value: Buffer): number {
  const sizeBytes = request.readUInt32LE(BODY);
  if (sizeBytes === 0) {
    reply.writeUInt32LE(value.length, PAYLOAD);
    reply.writeUInt32LE(0, PAYLOAD + 4);
    return 8;
  }
  if (value.length > sizeBytes) throw new FsError('ERANGE');
  return value.copy(reply, PAYLOAD);
}
