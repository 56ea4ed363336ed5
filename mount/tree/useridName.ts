/** Converts a userid to the name of its top-level folder, and back. */
import { sharedUserid } from '../../src/mailbox/names.ts';
import { decodeSegment, encodeSegment, isCut } from '../../src/mailbox/pathSegment.ts';

export function nameOfUserid(userid: string): string {
  return userid === sharedUserid ? userid : encodeSegment(userid);
}

/**
 * Returns the userid of a folder name. If the name was cut, the userid is searched in `userids`,
 * which lists all userids.
 */
export function useridOfName(name: string, userids: () => Iterable<string>): string | undefined {
  if (name === sharedUserid) return name;
  if (!isCut(name)) return decodeSegment(name);
  for (const userid of userids()) if (nameOfUserid(userid) === name) return userid;
  return undefined;
}
