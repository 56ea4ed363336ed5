/**
 * Writes the structures of the FUSE kernel protocol into buffers. Their layouts are in linux
 * include/uapi/linux/fuse.h. The protocol uses the machine's byte order, so choose.ts allows this
 * transport only on little-endian machines.
 */
import type { Attributes, Node, TreeStatistics } from '../../vfs/tree.ts';
import {
  INIT_FLAG,
  MAJOR,
  MAX_MINOR,
  MAX_PAGES,
  MAX_WRITE_BYTES,
  NOTIFY,
  OUT_HEADER_BYTES,
} from './protocol.ts';
import { ROOT_NUMBER } from './registry.ts';

export const ENTRY_BYTES = 128;
const ATTR_BYTES = 88;
export const ATTR_OUT_BYTES = 16 + ATTR_BYTES;
export const INIT_OUT_BYTES = 64;
/** The size of struct fuse_open_out. */
export const OPEN_OUT_BYTES = 16;
export const STATFS_BYTES = 80;
export const STORE_HEADER_BYTES = OUT_HEADER_BYTES + 24;
const DIRENT_HEADER_BYTES = 24;

/** The root's nodeid, FUSE_ROOT_ID. */
const ROOT_ID = 1;

const FILE_TYPE: Record<Attributes['kind'], number> = { folder: 0o040000, file: 0o100000, link: 0o120000 };
/** The unit of st_blocks in struct stat, which du adds up. */
const STAT_BLOCK_BYTES = 512;
const PREFERRED_IO_BYTES = 4096;
/**
 * Makes glibc's readdir request this many bytes of a list at a time instead of 32 KiB: some 800
 * messages.
 */
export const FOLDER_IO_BYTES = 128 * 1024;
const TWO_TO_32 = 2 ** 32;

/**
 * Writes struct fuse_out_header. `error` is a positive errno or 0. The unique number is copied from
 * the request.
 */
export function writeOutHeader(reply: Buffer, payloadBytes: number, error: number, request: Buffer): void {
  reply.writeUInt32LE(OUT_HEADER_BYTES + payloadBytes, 0);
  reply.writeInt32LE(-error, 4);
  reply.writeUInt32LE(request.readUInt32LE(8), 8);
  reply.writeUInt32LE(request.readUInt32LE(12), 12);
}

let lastBuffer: Buffer | undefined;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/**
 * Returns a DataView of the buffer. The last one is kept, because the same buffer is written again
 * and again. The methods of Buffer write byte by byte in JavaScript. Before they were compiled,
 * they made a mount's first list three times as slow.
 */
function viewOf(buffer: Buffer): DataView {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastView = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }
  return lastView;
}

/**
 * Writes a 64-bit number that a double holds exactly. Negative numbers (times before 1970) are
 * written as two's complement.
 */
function writeInt64(to: DataView, value: number, offset: number): void {
  to.setUint32(offset, value >>> 0, true);
  to.setInt32(offset + 4, Math.floor(value / TWO_TO_32), true);
}

/** Writes a notification's header: the error field holds its code, and the request number is 0. */
function writeNotifyHeader(to: Buffer, payloadBytes: number, code: number): number {
  to.fill(0, 0, OUT_HEADER_BYTES);
  to.writeUInt32LE(OUT_HEADER_BYTES + payloadBytes, 0);
  to.writeInt32LE(code, 4);
  return OUT_HEADER_BYTES + payloadBytes;
}

/**
 * Writes struct fuse_notify_inval_inode_out. An offset below 0 invalidates the attributes only; 0
 * also invalidates all pages. Returns the length.
 */
export function writeInvalidInode(
  to: Buffer,
  referenceNumber: number,
  childNumber: number,
  withPages: boolean,
): number {
  writeNodeId(to, OUT_HEADER_BYTES, referenceNumber, childNumber);
  writeInt64(viewOf(to), withPages ? 0 : -1, OUT_HEADER_BYTES + 8);
  writeInt64(viewOf(to), 0, OUT_HEADER_BYTES + 16);
  return writeNotifyHeader(to, 24, NOTIFY.INVAL_INODE);
}

/** Writes struct fuse_notify_inval_entry_out, the name and a NUL. Returns the length. */
export function writeInvalidEntry(to: Buffer, parentNumber: number, name: Buffer): number {
  const nameAt = OUT_HEADER_BYTES + 16;
  writeNodeId(to, OUT_HEADER_BYTES, parentNumber, 0);
  to.writeUInt32LE(name.length, OUT_HEADER_BYTES + 8);
  to.writeUInt32LE(0, OUT_HEADER_BYTES + 12);
  name.copy(to, nameAt);
  to.writeUInt8(0, nameAt + name.length);
  return writeNotifyHeader(to, 16 + name.length + 1, NOTIFY.INVAL_ENTRY);
}

/**
 * Writes struct fuse_notify_store_out. The caller sends `sizeBytes` of the child's content after
 * it. Returns the header's length.
 */
export function writeStore(
  to: Buffer,
  referenceNumber: number,
  childNumber: number,
  sizeBytes: number,
): number {
  const view = viewOf(to);
  writeNodeId(to, OUT_HEADER_BYTES, referenceNumber, childNumber);
  writeInt64(view, 0, OUT_HEADER_BYTES + 8);
  view.setUint32(OUT_HEADER_BYTES + 16, sizeBytes, true);
  view.setUint32(OUT_HEADER_BYTES + 20, 0, true);
  writeNotifyHeader(to, 24 + sizeBytes, NOTIFY.STORE);
  return STORE_HEADER_BYTES;
}

export function readUint64(from: Buffer, offset: number): number {
  return from.readUInt32LE(offset + 4) * TWO_TO_32 + from.readUInt32LE(offset);
}

function writeNodeId(to: Buffer, offset: number, referenceNumber: number, childNumber: number): void {
  const view = viewOf(to);
  view.setUint32(offset, referenceNumber === ROOT_NUMBER ? ROOT_ID : childNumber, true);
  view.setUint32(offset + 4, referenceNumber, true);
}

/**
 * Returns the child's number in the lower half of a nodeid. The root's nodeid 1 is an exception and
 * contains no child's number.
 */
export function childNumberOf(referenceNumber: number, low: number): number {
  return referenceNumber === ROOT_NUMBER ? 0 : low;
}

function nanosecondsOf(timeMs: number): number {
  return Math.min(999_999_999, Math.round((timeMs - Math.floor(timeMs / 1000) * 1000) * 1e6));
}

/**
 * Writes struct fuse_attr. The protocol requires an access time; it is set to the modification
 * time.
 */
function writeAttr(to: Buffer, at: number, attributes: Attributes): void {
  const view = viewOf(to);
  const { sizeBytes, mtimeMs, ctimeMs } = attributes;
  const mtimeNs = nanosecondsOf(mtimeMs);
  view.setBigUint64(at, attributes.inode, true);
  writeInt64(view, sizeBytes, at + 8);
  writeInt64(view, Math.ceil(sizeBytes / STAT_BLOCK_BYTES), at + 16);
  writeInt64(view, Math.floor(mtimeMs / 1000), at + 24);
  writeInt64(view, Math.floor(mtimeMs / 1000), at + 32);
  writeInt64(view, Math.floor(ctimeMs / 1000), at + 40);
  view.setUint32(at + 48, mtimeNs, true);
  view.setUint32(at + 52, mtimeNs, true);
  view.setUint32(at + 56, nanosecondsOf(ctimeMs), true);
  view.setUint32(at + 60, FILE_TYPE[attributes.kind] | attributes.mode, true);
  view.setUint32(at + 64, attributes.nlink, true);
  view.setUint32(at + 68, attributes.uid, true);
  view.setUint32(at + 72, attributes.gid, true);
  view.setUint32(at + 76, 0, true);
  view.setUint32(at + 80, attributes.kind === 'folder' ? FOLDER_IO_BYTES : PREFERRED_IO_BYTES, true);
  view.setUint32(at + 84, 0, true);
}

function writeValidity(to: Buffer, secondsAt: number, nanosecondsAt: number, validMs: number): void {
  const view = viewOf(to);
  writeInt64(view, Math.floor(validMs / 1000), secondsAt);
  view.setUint32(nanosecondsAt, nanosecondsOf(validMs), true);
}

/**
 * Writes struct fuse_entry_out. `generation` distinguishes this mount's nodeids from those of
 * earlier mounts, for NFS clients.
 */
export function writeEntry(
  to: Buffer,
  at: number,
  referenceNumber: number,
  node: Node,
  attributes: Attributes,
  generation: number,
): void {
  const view = viewOf(to);
  writeNodeId(to, at, referenceNumber, node.number);
  writeInt64(view, generation, at + 8);
  writeValidity(to, at + 16, at + 32, attributes.validMs);
  writeValidity(to, at + 24, at + 36, attributes.validMs);
  writeAttr(to, at + 40, attributes);
}

/** Writes struct fuse_entry_out for a name that does not exist, which the kernel may cache. */
export function writeNegativeEntry(to: Buffer, at: number, validMs: number): void {
  to.fill(0, at, at + ENTRY_BYTES);
  writeValidity(to, at + 16, at + 32, validMs);
}

/** Writes struct fuse_attr_out. */
export function writeAttrOut(to: Buffer, at: number, attributes: Attributes): void {
  const view = viewOf(to);
  writeValidity(to, at, at + 8, attributes.validMs);
  view.setUint32(at + 12, 0, true);
  writeAttr(to, at + 16, attributes);
}

/** Writes struct fuse_dirent with its name, padded to eight bytes. */
export function writeDirent(
  to: Buffer,
  at: number,
  name: Buffer,
  attributes: Attributes,
  cookie: number,
): void {
  const view = viewOf(to);
  view.setBigUint64(at, attributes.inode, true);
  writeInt64(view, cookie, at + 8);
  view.setUint32(at + 16, name.length, true);
  view.setUint32(at + 20, FILE_TYPE[attributes.kind] >>> 12, true);
  // Zeroes the padding after the name. The name may then overwrite part of these bytes.
  view.setFloat64(at + direntBytes(name.length) - 8, 0, true);
  name.copy(to, at + DIRENT_HEADER_BYTES);
}

export function direntBytes(nameBytes: number): number {
  return (DIRENT_HEADER_BYTES + nameBytes + 7) & ~7;
}

/** Writes struct fuse_kstatfs. It reports a full disk, because nothing can be written here. */
export function writeStatfs(to: Buffer, at: number, statistics: TreeStatistics, nameMaxBytes: number): void {
  const view = viewOf(to);
  to.fill(0, at, at + STATFS_BYTES);
  writeInt64(view, statistics.blocks, at);
  writeInt64(view, statistics.files, at + 24);
  view.setUint32(at + 40, statistics.blockBytes, true);
  view.setUint32(at + 44, nameMaxBytes, true);
  view.setUint32(at + 48, statistics.blockBytes, true);
}

/**
 * The features that are requested from the kernel if it offers them.
 *
 * - AUTO_INVAL_DATA makes the kernel drop cached pages and lists when mtime changes. This keeps
 *   status pages and growing folders correct, although OPEN and OPENDIR are never sent.
 * - READDIRPLUS_AUTO is left out. It returns attributes only for the first part of a list, but find
 *   and tar read a whole list before they ask for any. With it, 50,000 files cause 40,000 more
 *   LOOKUPs, and find takes twice as long. Without it, a bare list takes half as long again (0.39
 *   instead of 0.27 s).
 */
const WANTED_FLAGS =
  INIT_FLAG.ASYNC_READ |
  INIT_FLAG.EXPORT_SUPPORT |
  INIT_FLAG.AUTO_INVAL_DATA |
  INIT_FLAG.DO_READDIRPLUS |
  INIT_FLAG.ASYNC_DIO |
  INIT_FLAG.NO_OPEN_SUPPORT |
  INIT_FLAG.PARALLEL_DIROPS |
  INIT_FLAG.MAX_PAGES |
  INIT_FLAG.CACHE_SYMLINKS |
  INIT_FLAG.NO_OPENDIR_SUPPORT;

/** How many background requests, such as read-ahead, the kernel may have pending. */
const MAX_BACKGROUND = 64;
const CONGESTION_THRESHOLD = 48;

/** Writes struct fuse_init_out. */
export function writeInitOut(
  to: Buffer,
  at: number,
  minor: number,
  readAheadBytes: number,
  offered: number,
): void {
  const view = viewOf(to);
  to.fill(0, at, at + INIT_OUT_BYTES);
  view.setUint32(at, MAJOR, true);
  view.setUint32(at + 4, Math.min(minor, MAX_MINOR), true);
  view.setUint32(at + 8, readAheadBytes, true);
  view.setUint32(at + 12, (offered & WANTED_FLAGS) >>> 0, true);
  view.setUint16(at + 16, MAX_BACKGROUND, true);
  view.setUint16(at + 18, CONGESTION_THRESHOLD, true);
  view.setUint32(at + 20, MAX_WRITE_BYTES, true);
  view.setUint32(at + 24, 1, true);
  view.setUint16(at + 28, MAX_PAGES, true);
}
