/**
 * Answers READDIR and READDIRPLUS with as many entries as fit. Each entry of READDIRPLUS counts as
 * a look-up, which the kernel later ends with FORGET.
 */
import type { DirectoryEntry, Filesystem } from '../../vfs/filesystem.ts';
import type { Node } from '../../vfs/tree.ts';
import { ENTRY_BYTES, direntBytes, readUint64, writeDirent, writeEntry } from './structs.ts';

export interface ListRequest {
  readonly node: Node;
  readonly referenceNumber: number;
  /**
   * The cookie of the entry after which the page begins; 0: the page begins at the start of the
   * list.
   */
  readonly cookie: number;
  readonly sizeBytes: number;
  /** True for READDIRPLUS. */
  readonly withAttributes: boolean;
}

export interface Page {
  /** The length of the page; 0 at the end of the list. */
  readonly bytes: number;
  /** The last entry's cookie, after which the next page begins. */
  readonly cookie: number;
  /** True if there was another entry that did not fit. */
  readonly isFull: boolean;
}

/**
 * Counts a look-up of an entry's node and returns the number of its place (see registry.ts). If it
 * returns undefined, the page ends before the entry.
 */
export type CountLookup = (node: Node) => number | undefined;

/**
 * Writes a page of entries at `start`. If an error occurs in the middle of the list, the entries
 * before it are returned without the error. Otherwise the kernel would not know of the look-ups
 * that were counted for them.
 */
export function writePage(
  filesystem: Filesystem,
  request: ListRequest,
  generation: number,
  buffer: Buffer,
  start: number,
  countLookup: CountLookup,
): Page {
  const { node, withAttributes, sizeBytes } = request;
  const end = start + sizeBytes;
  const plusBytes = withAttributes ? ENTRY_BYTES : 0;
  let { cookie } = request;
  let at = start;
  let isFull = false;
  const visit = (entry: DirectoryEntry, next: number): boolean => {
    const bytes = plusBytes + direntBytes(entry.name.length);
    const hasRoom = at + bytes <= end;
    isFull = !hasRoom || (withAttributes && !writeLookup(buffer, at, entry, countLookup, generation));
    if (isFull) return false;
    writeDirent(buffer, at + plusBytes, entry.name, entry.attributes, next);
    at += bytes;
    cookie = next;
    return true;
  };
  try {
    filesystem.list(node, cookie, visit);
  } catch (error) {
    if (at === start) throw error;
  }
  return { bytes: at - start, cookie, isFull };
}

/**
 * Writes the entry's node and attributes. `.` and `..` have nodeid 0, which tells the kernel
 * nothing about them. Returns false if the page must end before this entry.
 */
function writeLookup(
  buffer: Buffer,
  at: number,
  { node, attributes }: DirectoryEntry,
  countLookup: CountLookup,
  generation: number,
): boolean {
  const referenceNumber = node === undefined ? 0 : countLookup(node);
  if (referenceNumber === undefined) return false;
  if (node === undefined) buffer.fill(0, at, at + ENTRY_BYTES);
  else writeEntry(buffer, at, referenceNumber, node, attributes, generation);
  return true;
}

/** Returns the offset in the page at which the entry that starts at `at` ends. */
export function entryEnd(page: Buffer, at: number, withAttributes: boolean): number {
  const dirent = at + (withAttributes ? ENTRY_BYTES : 0);
  return dirent + direntBytes(page.readUInt32LE(dirent + 16));
}

/** Returns the cookie of the entry that starts at `at`. */
export function entryNext(page: Buffer, at: number, withAttributes: boolean): number {
  return readUint64(page, at + (withAttributes ? ENTRY_BYTES : 0) + 8);
}

/** Returns the name of the entry that starts at `at`, as a view of the page. */
export function entryName(page: Buffer, at: number, withAttributes: boolean): Buffer {
  const dirent = at + (withAttributes ? ENTRY_BYTES : 0);
  const nameAt = dirent + direntBytes(0);
  return page.subarray(nameAt, nameAt + page.readUInt32LE(dirent + 16));
}
