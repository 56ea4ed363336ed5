/** READDIR and READDIRPLUS: as many entries as fit, each of the latter counting as a lookup. */
import type { DirectoryEntry, Filesystem } from '../../filesystem.ts';
import type { Node } from '../../tree.ts';
import type { Registry } from './registry.ts';
import { ENTRY_BYTES, direntBytes, writeDirent, writeEntry } from './structs.ts';

export interface Space {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Writes the entries after `cookie` and returns their bytes; 0 means the end of the folder. With a registry
 * they are those of READDIRPLUS. A fault in the midst of the list is not told until the entries before it
 * have been: the kernel has to learn of each lookup that was counted.
 */
export function readDirectory(
  filesystem: Filesystem,
  registry: Registry | undefined,
  generation: number,
  node: Node,
  cookie: bigint,
  { buffer, start, end }: Space,
): number {
  let at = start;
  const plusBytes = registry === undefined ? 0 : ENTRY_BYTES;
  const visit = (entry: DirectoryEntry, next: bigint): boolean => {
    const bytes = plusBytes + direntBytes(entry.name);
    if (at + bytes > end) return false;
    if (registry !== undefined) writeEntryOf(buffer, at, entry, registry, generation);
    writeDirent(buffer, at + plusBytes, entry.name, entry.attributes, next);
    at += bytes;
    return true;
  };
  try {
    filesystem.list(node, cookie, visit);
  } catch (error) {
    if (at === start) throw error;
  }
  return at - start;
}

/** `.` and `..` have nodeid 0, which tells the kernel nothing about them. */
function writeEntryOf(
  buffer: Buffer,
  at: number,
  { node, attributes }: DirectoryEntry,
  registry: Registry,
  generation: number,
): void {
  if (node === undefined) buffer.fill(0, at, at + ENTRY_BYTES);
  else writeEntry(buffer, at, registry.remember(node), node, attributes, generation);
}
