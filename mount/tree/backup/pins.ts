/**
 * Implements `-o snapshot`. While any folder of a user is open, the user's whole tree stays as it
 * was when the first folder was opened. A tar of the tree therefore shows a single state.
 *
 * A pin is a timestamp. It needs neither a lock nor an open transaction, because the index holds
 * the history. The pin also keeps the files of that time open, because a compaction may replace
 * them by files with a shorter history. A transaction is held open only if the timestamp of the
 * log's last line lies in the future. In that case, further lines may get the same timestamp.
 */
import { BackupReader } from '../../../src/backup/reader.ts';
import { horizon } from '../../../src/index/queries/horizon.ts';
import { lastTimestamp } from '../../../src/index/queries/timestamps.ts';
import { nowSeconds } from '../../../src/mailbox/timestamp.ts';
import type { UserBackup } from './userBackup.ts';

/**
 * The maximum number of snapshots whose files are kept open. Each snapshot takes some descriptors.
 * Beyond this number, a compaction may end a snapshot with an error.
 */
const MOST_HELD = 64;

interface Pin {
  /**
   * The pinned time in unix seconds. If it is null, `held` has a transaction open and shows the
   * pinned state.
   */
  readonly time: number | null;
  /** The reader that keeps the files open; undefined if the limit of MOST_HELD was reached. */
  readonly held: BackupReader | undefined;
  open: number;
}

export class Pins {
  readonly #pins = new Map<string, Pin>();
  #heldCount = 0;

  opened(user: UserBackup): void {
    const pin = this.#pins.get(user.userid);
    if (pin !== undefined) pin.open += 1;
    else this.#pins.set(user.userid, this.#pin(user));
  }

  released({ userid }: UserBackup): void {
    const pin = this.#pins.get(userid);
    if (pin === undefined) return;
    pin.open -= 1;
    if (pin.open > 0) return;
    this.#pins.delete(userid);
    this.#release(pin);
  }

  /**
   * Returns the pinned time. Returns null if no folder is open, or if the reader from `readerOf`
   * already shows the pinned state as its present.
   */
  timeOf({ userid }: UserBackup): number | null {
    return this.#pins.get(userid)?.time ?? null;
  }

  /** Returns the reader that shows the backup as it was when the pin was set. */
  readerOf({ userid }: UserBackup): BackupReader | undefined {
    return this.#pins.get(userid)?.held;
  }

  close(): void {
    for (const pin of this.#pins.values()) this.#release(pin);
    this.#pins.clear();
  }

  #pin(user: UserBackup): Pin {
    const current = user.reader();
    if (this.#heldCount >= MOST_HELD) return { time: lastWholeTime(current), held: undefined, open: 1 };
    const held = new BackupReader(current.path);
    this.#heldCount += 1;
    const time = lastWholeTime(held);
    if (time === null) held.index.holdSnapshot();
    return { time, held, open: 1 };
  }

  #release({ held }: Pin): void {
    if (held === undefined) return;
    this.#heldCount -= 1;
    held.close();
  }
}

/**
 * Returns the time to pin: the timestamp of the log's last line, but at most the last complete
 * second. The present second is excluded, because the state at its end may still change. Returns
 * null if the last line lies in the future, or if the horizon does not lie in the past.
 */
function lastWholeTime({ index }: BackupReader): number | null {
  const nowS = nowSeconds();
  const last = lastTimestamp(index);
  const time = Math.max(Math.min(nowS - 1, last ?? nowS - 1), horizon(index));
  return time >= nowS || (last !== null && last > nowS) ? null : time;
}
