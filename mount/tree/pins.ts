/**
 * With `-o snapshot`: while any folder of a user's is open, all of the user's tree stays at the moment at which the first was
 * opened, so that a tar of it is of one moment. It costs no lock and no open transaction: the past is in the index.
 */
import { lastMoment } from '../../src/index/queries.ts';
import type { UserBackup } from './userBackup.ts';

interface Pin {
  /** Unix seconds. */
  readonly time: number;
  open: number;
}

export class Pins {
  readonly #pins = new Map<string, Pin>();

  opened(user: UserBackup): void {
    const pin = this.#pins.get(user.userid);
    if (pin !== undefined) pin.open += 1;
    else this.#pins.set(user.userid, { time: lastWholeMoment(user), open: 1 });
  }

  released({ userid }: UserBackup): void {
    const pin = this.#pins.get(userid);
    if (pin === undefined) return;
    pin.open -= 1;
    if (pin.open <= 0) this.#pins.delete(userid);
  }

  /** null: nothing is open, the present is shown. */
  timeOf({ userid }: UserBackup): number | null {
    return this.#pins.get(userid)?.time ?? null;
  }
}

/** What comes within the present second would change what it was at its end. */
function lastWholeMoment(user: UserBackup): number {
  const nowS = Math.floor(Date.now() / 1000);
  return Math.min(nowS - 1, lastMoment(user.reader().index) ?? nowS - 1);
}
