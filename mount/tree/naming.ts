/** How folders and messages are called where each message is a file of its own: as `17.eml`, or as MH has it. */

export interface Naming {
  messageName(uid: number): Buffer;
  /** The UID in a message's file name, or undefined where it is none. */
  uidOf(name: string): number | undefined;
  /** Of a level, as pathSegment.ts makes it, the folder's name, and back; undefined where no level has that name. */
  folderName(segment: string): string;
  segmentOf(name: string): string | undefined;
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
  folderName: (segment) => (/^\d+$/.test(segment) ? `%3${segment}` : segment),
  segmentOf: (name) => {
    if (/^\d+$/.test(name)) return undefined;
    // A level that is itself `%3...` has its percent sign escaped.
    return /^%3(\d+)$/.exec(name)?.[1] ?? name;
  },
};
