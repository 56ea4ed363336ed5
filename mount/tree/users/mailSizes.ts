/**
 * How much mail the mount shows, for statfs(2): the living messages of all users and their sizes.
 *
 * One call takes a bounded time. It looks at users until that time is over, and counts the others
 * with the average. The next call goes on with them, so that after a few calls the sum is exact. A
 * user whose data file has not changed is not looked at again.
 */
import type { CatalogEntry } from '../../../src/catalog/catalog.ts';
import { BackupError } from '../../../src/errors.ts';
import { disk } from '../../../src/fs/disk/current.ts';
import { livingSize } from '../../../src/index/queries/records.ts';
import { livingMailboxes } from '../../../src/index/queries/mailboxes.ts';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import { identityOf } from '../../../src/index/store/statsCache.ts';
import { indexPath } from '../../../src/backup/options.ts';
import { deletedAtOf } from '../../../src/mailbox/names.ts';
import type { TreeStatistics } from '../../vfs/tree.ts';

const BLOCK_BYTES = 4096;
/** How long a call may look at users, and how long its result is used again. */
const LOOK_MS = 50;
const VALID_MS = 5000;

interface MailSize {
  readonly identity: string;
  readonly bytes: number;
  readonly messages: number;
}

export class MailSizes {
  readonly #known = new Map<string, MailSize>();
  readonly #deletedPrefix: string;
  /** The userid at which the next call goes on. */
  #next: string | undefined;
  #result: { readonly atMs: number; readonly statistics: TreeStatistics } | undefined;

  constructor(deletedPrefix: string) {
    this.#deletedPrefix = deletedPrefix;
  }

  /** `users`: all users that the mount shows. */
  statistics(users: readonly CatalogEntry[]): TreeStatistics {
    const nowMs = performance.now();
    if (this.#result !== undefined && nowMs - this.#result.atMs < VALID_MS) return this.#result.statistics;
    this.#look(users, nowMs + LOOK_MS);
    let [bytes, messages, count] = [0, 0, 0];
    for (const { userid } of users) {
      const size = this.#known.get(userid);
      if (size === undefined) continue;
      bytes += size.bytes;
      messages += size.messages;
      count += 1;
    }
    const scale = count === 0 ? 0 : users.length / count;
    const statistics = {
      blockBytes: BLOCK_BYTES,
      blocks: Math.ceil((bytes * scale) / BLOCK_BYTES),
      files: Math.round(messages * scale),
    };
    this.#result = { atMs: nowMs, statistics };
    return statistics;
  }

  #look(users: readonly CatalogEntry[], untilMs: number): void {
    const first = Math.max(
      0,
      users.findIndex(({ userid }) => userid === this.#next),
    );
    for (let step = 0; step < users.length; step += 1) {
      const user = users[(first + step) % users.length] as CatalogEntry;
      this.#next = user.userid;
      if (step > 0 && performance.now() > untilMs) return;
      this.#measure(user);
    }
    this.#next = undefined;
  }

  #measure({ userid, path }: CatalogEntry): void {
    const stats = disk.stat(path);
    const identity = stats === undefined ? '' : identityOf(stats);
    if (this.#known.get(userid)?.identity === identity) return;
    const size =
      stats === undefined
        ? NOTHING
        : (livingMail(path, this.#deletedPrefix) ?? { bytes: stats.size, messages: 0 });
    this.#known.set(userid, { identity, ...size });
  }
}

const NOTHING = { bytes: 0, messages: 0 };

/** Returns what the index says of the living mail; undefined if the index cannot tell. */
function livingMail(path: string, deletedPrefix: string): { bytes: number; messages: number } | undefined {
  try {
    const index = IndexFile.open(indexPath(path), 'read');
    if (index === null) return undefined;
    try {
      const sizes = [...livingMailboxes(index)]
        .filter(({ name }) => deletedAtOf(name, deletedPrefix) === undefined)
        .map(({ id }) => livingSize(index, id));
      return {
        bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
        messages: sizes.reduce((sum, { messages }) => sum + messages, 0),
      };
    } finally {
      index.close();
    }
  } catch (error) {
    if (error instanceof BackupError) return undefined;
    throw error;
  }
}
