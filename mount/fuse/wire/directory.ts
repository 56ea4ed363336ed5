/** READDIR and READDIRPLUS: as many entries as fit, each of the latter counting as a lookup. */
import type { DirectoryEntry, Filesystem } from '../../vfs/filesystem.ts';
import type { Node } from '../../vfs/tree.ts';
import { ENTRY_BYTES, direntBytes, readUint64, writeDirent, writeEntry } from './structs.ts';

export interface ListRequest {
  readonly node: Node;
  readonly placeNumber: number;
  /** After which entry to go on; 0: from the start. */
  readonly cookie: number;
  readonly sizeBytes: number;
  /** READDIRPLUS. */
  readonly withAttributes: boolean;
}

export interface Page {
  /** 0 is the end of the folder. */
  readonly bytes: number;
  /** Of the last entry: where the next page begins. */
  readonly cookie: number;
  /** There was an entry that has no room in it. */
  readonly isFull: boolean;
}

/** Counts a lookup of an entry's node; returns its place's number, or undefined, which ends the page before the entry. */
export type CountLookup = (node: Node) => number | undefined;

/**
 * Writes a page of entries at `start`. A fault in the midst of the list is not told until the entries before it have been: the kernel
 * has to learn of each lookup that was counted.
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

/** `.` and `..` have nodeid 0, which tells the kernel nothing about them. False: it is not to be told of this one. */
function writeLookup(
  buffer: Buffer,
  at: number,
  { node, attributes }: DirectoryEntry,
  countLookup: CountLookup,
  generation: number,
): boolean {
  const placeNumber = node === undefined ? 0 : countLookup(node);
  if (placeNumber === undefined) return false;
  if (node === undefined) buffer.fill(0, at, at + ENTRY_BYTES);
  else writeEntry(buffer, at, placeNumber, node, attributes, generation);
  return true;
}

/** Where the entry that begins at `at` ends in a page. */
export function entryEnd(page: Buffer, at: number, withAttributes: boolean): number {
  const dirent = at + (withAttributes ? ENTRY_BYTES : 0);
  return dirent + direntBytes(page.readUInt32LE(dirent + 16));
}

/** The cookie of the entry that begins at `at`. */
export function entryNext(page: Buffer, at: number, withAttributes: boolean): number {
  return readUint64(page, at + (withAttributes ? ENTRY_BYTES : 0) + 8);
}

/** The name of the entry that begins at `at`: a view of the page. */
export function entryName(page: Buffer, at: number, withAttributes: boolean): Buffer {
  const dirent = at + (withAttributes ? ENTRY_BYTES : 0);
  const nameAt = dirent + direntBytes(0);
  return page.subarray(nameAt, nameAt + page.readUInt32LE(dirent + 16));
}
