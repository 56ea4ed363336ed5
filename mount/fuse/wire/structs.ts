/**
 * Structures of the FUSE kernel protocol, written into buffers. Layouts: linux include/uapi/linux/fuse.h.
 * They are in the machine's byte order; choose.ts lets this transport run on little-endian machines only.
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
/** struct fuse_open_out. */
export const OPEN_OUT_BYTES = 16;
export const STATFS_BYTES = 80;
export const STORE_HEADER_BYTES = OUT_HEADER_BYTES + 24;
const DIRENT_HEADER_BYTES = 24;

/** FUSE_ROOT_ID. */
const ROOT_ID = 1;

const FILE_TYPE: Record<Attributes['kind'], number> = { folder: 0o040000, file: 0o100000, link: 0o120000 };
/** What du counts, and stat calls st_blocks. */
const STAT_BLOCK_BYTES = 512;
const PREFERRED_IO_BYTES = 4096;
/** glibc's readdir asks for so much of a list at a time, instead of 32 KiB: some 800 messages. */
export const FOLDER_IO_BYTES = 128 * 1024;
const TWO_TO_32 = 2 ** 32;

/** struct fuse_out_header; `error` is a positive errno or 0. The unique number is copied from the request. */
export function writeOutHeader(reply: Buffer, payloadBytes: number, error: number, request: Buffer): void {
  reply.writeUInt32LE(OUT_HEADER_BYTES + payloadBytes, 0);
  reply.writeInt32LE(-error, 4);
  reply.writeUInt32LE(request.readUInt32LE(8), 8);
  reply.writeUInt32LE(request.readUInt32LE(12), 12);
}

let lastBuffer: Buffer | undefined;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/**
 * One buffer is written again and again. Buffer's own methods write byte by byte, in JavaScript: until they are compiled, the first
 * list of a mount took three times as long with them.
 */
function viewOf(buffer: Buffer): DataView {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastView = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }
  return lastView;
}

/** A 64-bit number that is exact in a double; negative ones (times before 1970) as two's complement. */
function writeInt64(to: DataView, value: number, offset: number): void {
  to.setUint32(offset, value >>> 0, true);
  to.setInt32(offset + 4, Math.floor(value / TWO_TO_32), true);
}

/** A notification's header: its code stands where errors do, and no request's number. */
function writeNotifyHeader(to: Buffer, payloadBytes: number, code: number): number {
  to.fill(0, 0, OUT_HEADER_BYTES);
  to.writeUInt32LE(OUT_HEADER_BYTES + payloadBytes, 0);
  to.writeInt32LE(code, 4);
  return OUT_HEADER_BYTES + payloadBytes;
}

/** struct fuse_notify_inval_inode_out: attributes only with an offset below 0, with one of 0 all pages too. Returns the bytes. */
export function writeInvalidInode(
  to: Buffer,
  placeNumber: number,
  childNumber: number,
  withPages: boolean,
): number {
  writeNodeId(to, OUT_HEADER_BYTES, placeNumber, childNumber);
  writeInt64(viewOf(to), withPages ? 0 : -1, OUT_HEADER_BYTES + 8);
  writeInt64(viewOf(to), 0, OUT_HEADER_BYTES + 16);
  return writeNotifyHeader(to, 24, NOTIFY.INVAL_INODE);
}

/** struct fuse_notify_inval_entry_out, and the name with a NUL behind. Returns the bytes. */
export function writeInvalidEntry(to: Buffer, parentNumber: number, name: Buffer): number {
  const nameAt = OUT_HEADER_BYTES + 16;
  writeNodeId(to, OUT_HEADER_BYTES, parentNumber, 0);
  to.writeUInt32LE(name.length, OUT_HEADER_BYTES + 8);
  to.writeUInt32LE(0, OUT_HEADER_BYTES + 12);
  name.copy(to, nameAt);
  to.writeUInt8(0, nameAt + name.length);
  return writeNotifyHeader(to, 16 + name.length + 1, NOTIFY.INVAL_ENTRY);
}

/** struct fuse_notify_store_out: `sizeBytes` of a child's content, from its start on, follow. Returns the header's bytes. */
export function writeStore(to: Buffer, placeNumber: number, childNumber: number, sizeBytes: number): number {
  const view = viewOf(to);
  writeNodeId(to, OUT_HEADER_BYTES, placeNumber, childNumber);
  writeInt64(view, 0, OUT_HEADER_BYTES + 8);
  view.setUint32(OUT_HEADER_BYTES + 16, sizeBytes, true);
  view.setUint32(OUT_HEADER_BYTES + 20, 0, true);
  writeNotifyHeader(to, 24 + sizeBytes, NOTIFY.STORE);
  return STORE_HEADER_BYTES;
}

export function readUint64(from: Buffer, offset: number): number {
  return from.readUInt32LE(offset + 4) * TWO_TO_32 + from.readUInt32LE(offset);
}

function writeNodeId(to: Buffer, offset: number, placeNumber: number, childNumber: number): void {
  const view = viewOf(to);
  view.setUint32(offset, placeNumber === ROOT_NUMBER ? ROOT_ID : childNumber, true);
  view.setUint32(offset + 4, placeNumber, true);
}

/** A nodeid's lower half; the root's 1 is not the number of a child. */
export function childNumberOf(placeNumber: number, low: number): number {
  return placeNumber === ROOT_NUMBER ? 0 : low;
}

function nanosecondsOf(timeMs: number): number {
  return Math.min(999_999_999, Math.round((timeMs - Math.floor(timeMs / 1000) * 1000) * 1e6));
}

/** struct fuse_attr. A listing has a time of access only because it must: it is the time of change. */
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

/** struct fuse_entry_out. `generation` tells this mount's nodeids from an earlier mount's, for NFS clients. */
export function writeEntry(
  to: Buffer,
  at: number,
  placeNumber: number,
  node: Node,
  attributes: Attributes,
  generation: number,
): void {
  const view = viewOf(to);
  writeNodeId(to, at, placeNumber, node.number);
  writeInt64(view, generation, at + 8);
  writeValidity(to, at + 16, at + 32, attributes.validMs);
  writeValidity(to, at + 24, at + 36, attributes.validMs);
  writeAttr(to, at + 40, attributes);
}

/** struct fuse_entry_out that says, and lets the kernel remember, that there is no such name. */
export function writeNegativeEntry(to: Buffer, at: number, validMs: number): void {
  to.fill(0, at, at + ENTRY_BYTES);
  writeValidity(to, at + 16, at + 32, validMs);
}

/** struct fuse_attr_out. */
export function writeAttrOut(to: Buffer, at: number, attributes: Attributes): void {
  const view = viewOf(to);
  writeValidity(to, at, at + 8, attributes.validMs);
  view.setUint32(at + 12, 0, true);
  writeAttr(to, at + 16, attributes);
}

/** struct fuse_dirent with its name, padded to eight bytes. */
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
  // What pads the name, and perhaps some of where it comes to stand.
  view.setFloat64(at + direntBytes(name.length) - 8, 0, true);
  name.copy(to, at + DIRENT_HEADER_BYTES);
}

export function direntBytes(nameBytes: number): number {
  return (DIRENT_HEADER_BYTES + nameBytes + 7) & ~7;
}

/** struct fuse_kstatfs: a full disk, as a medium that takes no more files is. */
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
 * What we want of the kernel, where it can. AUTO_INVAL_DATA drops cached pages and cached lists when mtime
 * moves, which keeps status pages and growing folders right although OPEN and OPENDIR are never asked.
 * READDIRPLUS_AUTO is left out: it gives attributes for the first part of a list only, and find and tar read
 * a list whole before they ask for any. With it, 40,000 LOOKUPs more for 50,000 files, and twice the time of
 * a find; without it, a bare list takes a half longer (0.39 instead of 0.27 s).
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

/** Requests that the kernel may have under way in the background, such as read-ahead. */
const MAX_BACKGROUND = 64;
const CONGESTION_THRESHOLD = 48;

/** struct fuse_init_out. */
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
