/** Finds the owner of a data file by its content, for a backup that backups.db does not name. */
import { BackupError, asBackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import { openRegular } from '../../fs/open.ts';
import { lastChunk } from '../../index/queries/chunks.ts';
import { allMailboxes } from '../../index/queries/mailboxes.ts';
import { backupUseridOf } from '../../mailbox/names.ts';
import { MEMBER_HEADER } from '../../log/format.ts';
import { BackupReader } from '../reader.ts';

export interface Content {
  /**
   * The owner of most living mailboxes, or of most mailboxes if none is living. The userid is a
   * byte string; it is null if the data file has no mailbox.
   */
  readonly userid: string | null;
  /** The other users who own mailboxes in this data file. */
  readonly others: readonly string[];
  /** The time of the last line, in unix seconds; null if the file has no line. */
  readonly lastTime: number | null;
  readonly sizeBytes: number;
}

/** Reports whether a file begins like a data file, or is empty like a new data file. */
export function looksLikeDataFile(path: string): boolean {
  const fd = openRegular(path, 'read');
  try {
    const head = Buffer.alloc(MEMBER_HEADER.length);
    const count = disk.read(fd, head, 0, head.length, 0);
    return count === 0 || head.subarray(0, 3).equals(MEMBER_HEADER.subarray(0, 3));
  } finally {
    disk.close(fd);
  }
}

/**
 * Returns the content according to the index. Reads the whole data file if the index is missing or
 * was written by the original backupd. Throws 'damaged', 'io' or 'permission'.
 */
export function contentOf(path: string, sizeBytes: number, deletedPrefix: string): Content {
  const reader = new BackupReader(path, { isThorough: true });
  try {
    const counts = new Map<string, { living: number; all: number }>();
    for (const { name, deleted } of allMailboxes(reader.index)) {
      const userid = backupUseridOf(name, deletedPrefix);
      const count = counts.get(userid) ?? { living: 0, all: 0 };
      counts.set(userid, { living: count.living + (deleted === null ? 1 : 0), all: count.all + 1 });
    }
    const ranked = [...counts].toSorted(([, a], [, b]) => b.living - a.living || b.all - a.all);
    const [first, ...others] = ranked.map(([userid]) => userid);
    return { userid: first ?? null, others, lastTime: lastChunk(reader.index)?.tsEnd ?? null, sizeBytes };
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw asBackupError(error, path);
  } finally {
    reader.close();
  }
}
