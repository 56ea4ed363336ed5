/**
 * What things are called in each layout. Two things in a folder never share a name, and none is longer than 255 bytes: where an escape
 * or an ending would make a name longer than that, it is cut, and a hash of all of it tells it from others.
 */
import { isCut, shortened } from '../../src/mailbox/pathSegment.ts';

export interface Naming {
  messageName(uid: number): Buffer;
  /** The UID in a message's file name, or undefined where it is none. */
  uidOf(name: string): number | undefined;
  /** Of a level, as pathSegment.ts makes it, the folder's name, and back; undefined where no level of these has that name. */
  folderName(segment: string): string;
  segmentOf(name: string, segments: ReadonlyMap<string, unknown>): string | undefined;
}

function uidIn(match: RegExpExecArray | null): number | undefined {
  const uid = Number(match?.[1]);
  return uid <= 0xffff_ffff ? uid : undefined;
}

/** No level looks like a message's name: pathSegment.ts sees to that. */
export const plainNaming: Naming = {
  messageName: (uid) => Buffer.from(`${uid}.eml`, 'latin1'),
  uidOf: (name) => uidIn(/^([1-9][0-9]{0,9})\.eml$/.exec(name)),
  folderName: (segment) => segment,
  segmentOf: (name) => name,
};

/** Messages are numbers, so that a folder called 2024 has its first digit escaped: `%32024`. */
export const mhNaming: Naming = {
  messageName: (uid) => Buffer.from(String(uid), 'latin1'),
  uidOf: (name) => uidIn(/^([1-9][0-9]{0,9})$/.exec(name)),
  folderName: (segment) => (/^\d+$/.test(segment) ? shortened(`%3${segment}`) : segment),
  segmentOf: (name, segments) => {
    if (/^\d+$/.test(name)) return undefined;
    if (isCut(name) && name.startsWith('%3')) {
      return [...segments.keys()].find((segment) => mhNaming.folderName(segment) === name);
    }
    // A level that is itself `%3...` has its percent sign escaped.
    return /^%3(\d+)$/.exec(name)?.[1] ?? name;
  },
};

const MBOX_SUFFIX = '.mbox';

/** The file of a mailbox in the layout of mbox. */
export function mboxFileName(segment: string): string {
  return shortened(segment, MBOX_SUFFIX.length) + MBOX_SUFFIX;
}

/** The folder for what is in it, which must not have the name of a file. */
export function mboxFolderName(segment: string): string {
  return segment.endsWith(MBOX_SUFFIX) ? shortened(segment.replace(/\.mbox$/, '%2Embox')) : segment;
}
