/** Converts a userid to the name of its top-level folder, and back. */
import { sharedUserid } from '../../src/mailbox/names.ts';
import { decodeSegment, encodeSegment, isCut } from '../../src/mailbox/pathSegment.ts';

export function nameOfUserid(userid: string): string {
  return userid === sharedUserid ? userid : encodeSegment(userid);
}

/** `userids` lists all userids. It is searched if the name was cut. */
export function useridOfName(name: string, userids: () => Iterable<string>): string | undefined {
  if (name === sharedUserid) return name;
  if (!isCut(name)) return decodeSegment(name);
  for (const userid of userids()) if (nameOfUserid(userid) === name) return userid;
  return undefined;
}
