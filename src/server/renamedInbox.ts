/**
 * Whether the INBOX of a user without a backup is another user's, renamed. Masters do not always say RENAME: after a rename,
 * `sync_client -A` and `-u` only ever speak of the new user. The uniqueid alone proves nothing, since a copy of the master has the same.
 *
 * The sign that the old user is no more is in the mailbox itself: it is the one that is held here, later on. It has the messages that
 * are held, under their UIDs, and a rename has moved its modseqs on. In a copy that only got other names they stand still.
 */
import { livingGuids } from '../index/queries.ts';
import type { IndexFile } from '../index/indexFile.ts';
import { parseState } from '../index/state.ts';
import type { LiveMailbox } from '../index/types.ts';
import {
  getNumber,
  getString,
  optionalBigInt,
  optionalList,
  optionalNumber,
  toKeyValues,
} from '../protocol/dlist.ts';
import type { KeyValues } from '../protocol/dlist.ts';

/** So many messages show it. */
const MOST_COMPARED = 4096;
/** Of the messages held here, the line must have this share. The others may have been expunged since. */
const KNOWN_SHARE = 0.5;

/** `held`: the old user's INBOX. `sent`: a MAILBOX of the same uniqueid under the new name. */
export function isHeldMailboxLater(index: IndexFile, held: LiveMailbox, sent: KeyValues): boolean {
  return hasMovedOn(held, sent) && hasHeldMessages(index, held, sent);
}

function hasMovedOn(held: LiveMailbox, sent: KeyValues): boolean {
  if ((optionalBigInt(sent, 'HIGHESTMODSEQ') ?? 0n) < BigInt(held.highestmodseq)) return false;
  // Of when its name and rights changed last; masters of 3.0 do not say.
  const before = optionalBigInt(parseState(held.state), 'FOLDERMODSEQ');
  const now = optionalBigInt(sent, 'FOLDERMODSEQ');
  return before === undefined || now === undefined || now > before;
}

/** In a batch, of those up to its last one. An INBOX that is empty here shows nothing. */
function hasHeldMessages(index: IndexFile, held: LiveMailbox, sent: KeyValues): boolean {
  const lastUid = optionalNumber(sent, 'LAST_UID') ?? 0;
  const listed = new Map<number, string>();
  for (const item of optionalList(sent, 'RECORD') ?? []) {
    const record = toKeyValues(item, 'RECORD');
    listed.set(getNumber(record, 'UID'), getString(record, 'GUID'));
  }
  let [count, known] = [0, 0];
  for (const { uid, guid } of livingGuids(index, held.id, lastUid, MOST_COMPARED)) {
    count += 1;
    const now = listed.get(uid);
    if (now === guid) known += 1;
    else if (now !== undefined) return false;
  }
  return count > 0 && known >= count * KNOWN_SHARE;
}
