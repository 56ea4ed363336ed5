/**
 * Finds the messages that are damaged or missing, and the mailboxes that hold them, for the report
 * of verify.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { chunkById } from '../../index/queries/chunks.ts';
import {
  filedUnder,
  messageByGuid,
  placedMessages,
  type FiledMessage,
} from '../../index/queries/messages.ts';
import type { Damage } from './scanResult.ts';

export interface DamagedMessage {
  readonly guid: string;
  /** File offset at which the message's chunk starts. */
  readonly chunkOffset: number;
  readonly places: readonly FiledMessage[];
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
  for (const { guid, chunkOffset, offset } of placedMessages(index)) {
    const left = messageByGuid(folded, guid);
    const isMoved =
      damaged.has(chunkOffset) &&
      left?.offset !== offset &&
      left?.chunkId != null &&
      chunkById(folded, left.chunkId)?.offset === chunkOffset;
    if (left?.chunkId != null && !isMoved) continue;
    seen.add(guid);
    yield { guid, chunkOffset, places: filedUnder(index, guid) };
  }
  for (const { guid, fileOffset: chunkOffset } of damages) {
    if (guid === undefined || seen.has(guid)) continue;
    // Either the message was sent again and is whole in a later chunk, or the damage is in the GUID
    // itself and no record names that GUID.
    if (messageByGuid(folded, guid)?.chunkId != null || messageByGuid(index, guid) === undefined) continue;
    seen.add(guid);
    yield { guid, chunkOffset, places: filedUnder(index, guid) };
  }
}
