/**
 * Finds identical messages. Two messages are identical if they have the same GUID and the same
 * INTERNALDATE, which determine everything that stat shows. With `-o hardlinks`, identical messages
 * share an inode, so tar, rsync -H and cpio store them once.
 */
import type { IndexFile } from '../../../src/index/store/indexFile.ts';
import { copies } from '../../../src/index/queries/records.ts';
import { inodeOf } from '../hash.ts';
import type { StructureFolder } from './structure.ts';

interface Linked {
  readonly messageId: number;
  readonly internaldate: number;
}

/** The number of links of each message. A message without an entry has one link. */
export type LinkCounts = ReadonlyMap<string, number>;

const keyOf = ({ messageId, internaldate }: Linked): string => `${messageId}/${internaldate}`;

/** Counts identical messages in the folders that a view shows. */
export function countLinks(index: IndexFile, root: StructureFolder, time: number | null): LinkCounts {
  const shown = new Set(mailboxIds(root));
  const counts = new Map<string, number>();
  for (const copy of copies(index, time)) {
    if (!shown.has(copy.mailboxId)) continue;
    const key = keyOf(copy);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function* mailboxIds({ mailbox, children }: StructureFolder): Generator<number> {
  if (mailbox !== null) yield mailbox.id;
  for (const child of children.values()) yield* mailboxIds(child);
}

export function linksOf(counts: LinkCounts, message: Linked): number {
  return counts.get(keyOf(message)) ?? 1;
}

export function linkInode(userid: string, guid: string, internaldate: number): bigint {
  return inodeOf('message', userid, guid, String(internaldate));
}
