/** A userid as the name of a folder at the mount's top, and back. */
import { sharedUserid } from '../../src/mailbox/names.ts';
import { decodeSegment, encodeSegment, isCut } from '../../src/mailbox/pathSegment.ts';

export function nameOfUserid(userid: string): string {
  return userid === sharedUserid ? userid : encodeSegment(userid);
}

/** `userids`: all that there are, among which the one of a name that was cut is found. */
export function useridOfName(name: string, userids: () => Iterable<string>): string | undefined {
  if (name === sharedUserid) return name;
  if (!isCut(name)) return decodeSegment(name);
  for (const userid of userids()) if (nameOfUserid(userid) === name) return userid;
  return undefined;
}
