/**
 * Finds the messages that are damaged or missing, and the mailboxes that hold them, for the report
 * of verify.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { chunkById, messageByGuid } from '../../index/queries/current.ts';
import type { Damage } from './scanResult.ts';

/** A mailbox and UID under which a message is or was filed. */
interface Place {
  /** The mailbox's internal name, a byte string. */
  readonly mailbox: string;
  readonly uid: number;
}

export interface DamagedMessage {
  readonly guid: string;
  /** File offset at which the message's chunk starts. */
  readonly chunkOffset: number;
  readonly places: readonly Place[];
}

/**
 * Yields two kinds of damaged messages:
 *
 * - messages whose bytes the index locates, but that the log no longer has at that place
 * - messages that the scan itself found damaged
 *
 * An index that was built from the damaged file yields only the second kind. Damage may also shift
 * an undamaged message. Such a message cannot be read through the index, but a repair keeps it.
 */
export function* damagedMessages(
  index: IndexFile,
  folded: IndexFile,
  damages: readonly Damage[],
): Generator<DamagedMessage> {
  if (damages.length === 0) return;
  const seen = new Set<string>();
  const damaged = new Set(damages.map(({ fileOffset }) => fileOffset));
  const held = index.each<{ guid: string; chunkOffset: number; offset: number }>(
    `SELECT guid, chunk.offset AS chunkOffset, message.offset AS offset FROM message JOIN chunk ON chunk.id = chunk_id
     ORDER BY chunk.offset, message.offset`,
  );
  for (const { guid, chunkOffset, offset } of held) {
    const left = messageByGuid(folded, guid);
    const isMoved =
      damaged.has(chunkOffset) &&
      left?.offset !== offset &&
      left?.chunk_id != null &&
      chunkById(folded, left.chunk_id)?.offset === chunkOffset;
    if (left?.chunk_id != null && !isMoved) continue;
    seen.add(guid);
    yield { guid, chunkOffset, places: locationsOf(index, guid) };
  }
  for (const { guid, fileOffset: chunkOffset } of damages) {
    if (guid === undefined || seen.has(guid)) continue;
    // Either the message was sent again and is whole in a later chunk, or the damage is in the GUID
    // itself and no record names that GUID.
    if (messageByGuid(folded, guid)?.chunk_id != null || messageByGuid(index, guid) === undefined) continue;
    seen.add(guid);
    yield { guid, chunkOffset, places: locationsOf(index, guid) };
  }
}

/** Returns the mailboxes and UIDs under which a message is or was filed. */
function locationsOf(index: IndexFile, guid: string): Place[] {
  return index.all<Place>(
    `SELECT mailbox.name AS mailbox, uid FROM message JOIN record ON message_id = message.id
       JOIN mailbox ON mailbox.id = mailbox_id WHERE guid = ?
     UNION
     SELECT mailbox.name, uid FROM message JOIN record_history ON message_id = message.id
       JOIN mailbox ON mailbox.id = mailbox_id WHERE guid = ?
     ORDER BY 1, 2`,
    guid,
    guid,
  );
}

/** Yields the living records of living mailboxes whose messages are missing. */
export function* missingMessages(folded: IndexFile): Generator<Place & { readonly guid: string }> {
  yield* folded.each<Place & { guid: string }>(
    `SELECT guid, name AS mailbox, uid FROM message CROSS JOIN record ON message_id = message.id
     JOIN mailbox ON mailbox.id = mailbox_id
     WHERE message.chunk_id IS NULL AND expunged IS NULL AND deleted IS NULL ORDER BY name, uid`,
  );
}
