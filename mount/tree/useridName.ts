/** A userid as the name of a folder at the mount's top, and back. */
import { sharedUserid } from '../../src/mailbox/names.ts';
import { decodeSegment, encodeSegment } from '../../src/mailbox/pathSegment.ts';

export function nameOfUserid(userid: string): string {
  return userid === sharedUserid ? userid : encodeSegment(userid);
}

export function useridOfName(name: string): string | undefined {
  return name === sharedUserid ? name : decodeSegment(name);
}
