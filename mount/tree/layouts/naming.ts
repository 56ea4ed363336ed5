/**
 * Defines the names of files and folders in each layout. No two entries of a folder have the same
 * name, and no name is longer than 255 bytes. If an escape or a suffix would make a name too long,
 * the name is cut, and a hash of the whole name keeps it unique.
 */
import { isCut, shortened } from '../../../src/mailbox/pathSegment.ts';

export interface Naming {
  messageName(uid: number): Buffer;
  /**
   * Returns the UID in a message's file name, or undefined if the name is not that of a message.
   */
  uidOf(name: string): number | undefined;
  /**
   * `folderName` converts a path segment from pathSegment.ts to the name of a folder. `segmentOf`
   * converts the name back, and returns undefined if none of `segments` has that name.
   */
  folderName(segment: string): string;
  segmentOf(name: string, segments: ReadonlyMap<string, unknown>): string | undefined;
}

function uidIn(match: RegExpExecArray | null): number | undefined {
  const uid = Number(match?.[1]);
  return uid <= 0xffff_ffff ? uid : undefined;
}

/**
 * The names in the plain layout. pathSegment.ts ensures that no segment looks like a message's
 * name.
 */
export const plainNaming: Naming = {
  messageName: (uid) => Buffer.from(`${uid}.eml`, 'latin1'),
  uidOf: (name) => uidIn(/^([1-9][0-9]{0,9})\.eml$/.exec(name)),
  folderName: (segment) => segment,
  segmentOf: (name) => name,
};

/**
 * The names in the MH layout. Messages are named by number. In the name of a folder called 2024,
 * the first digit is therefore escaped: `%32024`.
 */
export const mhNaming: Naming = {
  messageName: (uid) => Buffer.from(String(uid), 'latin1'),
  uidOf: (name) => uidIn(/^([1-9][0-9]{0,9})$/.exec(name)),
  folderName: (segment) => (/^\d+$/.test(segment) ? shortened(`%3${segment}`) : segment),
  segmentOf: (name, segments) => {
    if (/^\d+$/.test(name)) return undefined;
    if (isCut(name) && name.startsWith('%3')) {
      return [...segments.keys()].find((segment) => mhNaming.folderName(segment) === name);
    }
    // If a mailbox's own name begins with `%3`, its percent sign is escaped in the segment.
    return /^%3(\d+)$/.exec(name)?.[1] ?? name;
  },
};

const MBOX_SUFFIX = '.mbox';

/** Returns the file name of a mailbox in the mbox layout. */
export function mboxFileName(segment: string): string {
  return shortened(segment, MBOX_SUFFIX.length) + MBOX_SUFFIX;
}

/**
 * Returns the name of the folder that holds a mailbox's subfolders. It never equals the name of a
 * file.
 */
export function mboxFolderName(segment: string): string {
  return segment.endsWith(MBOX_SUFFIX) ? shortened(segment.replace(/\.mbox$/, '%2Embox')) : segment;
}
