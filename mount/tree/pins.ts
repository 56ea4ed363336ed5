/**
 * With `-o snapshot`: while any folder of a user's is open, all of the user's tree stays as it was when the first was
 * opened, so that a tar of it is of one state.
 *
 * A pin is a time, and costs neither a lock nor an open transaction: the past is in the index. It also holds the files of that time
 * open, because a compaction may put others in their place that no longer reach back so far. Only where the last line lies in the
 * future, so that what still comes has the same time, is a transaction held open instead.
 */
import { BackupReader } from '../../src/backup/reader.ts';
import { horizon } from '../../src/index/horizon.ts';
import { lastMoment } from '../../src/index/queries.ts';
import { nowSeconds } from '../../src/mailbox/moment.ts';
import type { UserBackup } from './userBackup.ts';

/** Each takes some descriptors. Beyond this many users at once, a compaction may end a snapshot with an error. */
const MOST_HELD = 64;

interface Pin {
  /** Unix seconds; null: what `held` shows, which is one transaction. */
  readonly time: number | null;
  /** Undefined: too many are held already. */
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

  /** null: nothing is open, or `readerOf` says it all: what that shows now is shown. */
  timeOf({ userid }: UserBackup): number | null {
    return this.#pins.get(userid)?.time ?? null;
  }

  /** The backup as it was when the pin was set. */
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

/** What comes within the present second would change what it was at its end. null: the last line is of this second or later. */
function lastWholeTime({ index }: BackupReader): number | null {
  const nowS = nowSeconds();
  const last = lastMoment(index);
  const time = Math.max(Math.min(nowS - 1, last ?? nowS - 1), horizon(index));
  return time >= nowS || (last !== null && last > nowS) ? null : time;
}
