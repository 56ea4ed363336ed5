/**
 * Decides whether the INBOX of a user without a backup is another user's INBOX after a rename.
 * Masters do not always send RENAME: after a rename, `sync_client -A` and `-u` only mention the new
 * user. The uniqueid alone proves nothing, because a copy of the master has the same uniqueids.
 *
 * The proof is in the mailbox itself, which must be a later state of the held INBOX. It has the
 * held messages under the same UIDs, and a rename has raised its modseqs. In a copy of the master
 * in which only the names differ, the modseqs stay the same.
 */
import { recordsPage } from '../index/queries/records.ts';
import type { IndexFile } from '../index/store/indexFile.ts';
import { parseState } from '../index/fold/state.ts';
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

/** Comparing this many messages is enough. */
const MOST_COMPARED = 4096;
/**
 * The new mailbox must contain at least this share of the held messages. The others may have been
 * expunged since.
 */
const KNOWN_SHARE = 0.5;

/**
 * `held` is the old user's INBOX. `sent` is a MAILBOX with the same uniqueid under the new name.
 */
export function isHeldMailboxLater(index: IndexFile, held: LiveMailbox, sent: KeyValues): boolean {
  return hasMovedOn(held, sent) && hasHeldMessages(index, held, sent);
}

function hasMovedOn(held: LiveMailbox, sent: KeyValues): boolean {
  if ((optionalBigInt(sent, 'HIGHESTMODSEQ') ?? 0n) < BigInt(held.highestmodseq)) return false;
  // FOLDERMODSEQ changes with the name and the rights. Masters of 3.0 do not send it.
  const before = optionalBigInt(parseState(held.state), 'FOLDERMODSEQ');
  const now = optionalBigInt(sent, 'FOLDERMODSEQ');
  return before === undefined || now === undefined || now > before;
}

/**
 * If `sent` is only a batch, compares the messages up to the batch's last one. A held INBOX without
 * messages proves nothing.
 */
function hasHeldMessages(index: IndexFile, held: LiveMailbox, sent: KeyValues): boolean {
  const lastUid = optionalNumber(sent, 'LAST_UID') ?? 0;
  const listed = new Map<number, string>();
  for (const item of optionalList(sent, 'RECORD') ?? []) {
    const record = toKeyValues(item, 'RECORD');
    listed.set(getNumber(record, 'UID'), getString(record, 'GUID'));
  }
  let [count, known] = [0, 0];
  const range = {
    mailboxId: held.id,
    time: null,
    shown: 'living',
    afterUid: 0,
    limit: MOST_COMPARED,
  } as const;
  for (const { uid, guid } of recordsPage(index, range)) {
    if (uid > lastUid) break;
    count += 1;
    const now = listed.get(uid);
    if (now === guid) known += 1;
    else if (now !== undefined) return false;
  }
  return count > 0 && known >= count * KNOWN_SHARE;
}
