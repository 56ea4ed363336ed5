/**
 * One history: the steps of a seed, on a simulated disk. Commands of masters and the work of
 * administrators run through the real code, while calls fail, disks run full and the power is cut.
 * After each of these, every user's backup is compared with the model.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { useDisk } from '../../../src/fs/disk/current.ts';
import type { Disk } from '../../../src/fs/disk/disk.ts';
import { makeFolders, syncFolder } from '../../../src/fs/folders.ts';
import { lastTimestamp } from '../../../src/index/queries/timestamps.ts';
import { RetentionRules } from '../../../src/config/retentionRules.ts';
import { randomFrom } from '../../support/random.ts';
import type { Fault } from '../disk/faults.ts';
import { SimulatedDisk } from '../disk/simulatedDisk.ts';
import { loseCaches, takeSnapshot } from './cacheLoss.ts';
import type { Snapshot } from './cacheLoss.ts';
import { Violation, checkUser } from './checks.ts';
import type { Expected } from './checks.ts';
import { NOTHING, changeOf, textOf } from './model.ts';
import { Store, databaseIn, foldersIn } from './store.ts';
import type { Folders } from './store.ts';

const MEMORY = '/dev/shm';
const START = 1_700_000_000;

export interface Armed {
  readonly fault: Fault;
  /** The fault comes at this call. */
  readonly atCall: number;
}

export class Simulation {
  readonly root = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'history-'));
  readonly folders: Folders = foldersIn(this.root);
  readonly disk: SimulatedDisk;
  readonly users = new Map<string, Expected>();
  /** The reason of anne's hold, as acknowledged, and one that may have been set meanwhile. */
  holds: readonly (string | null)[] = [null];
  nowS = START;
  store: Store;
  cuts = 0;
  faults = 0;
  armed: Armed | undefined;
  /** Whether reads and writes are often short. */
  isShort = false;
  readonly #random: () => number;
  readonly #before: Disk;
  readonly #real = { now: Date.now, random: Math.random };
  #snapshots: Snapshot[] = [];
  #hasFailed = false;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    const order = this.#random() < 0.5 ? 'strict' : 'journalled';
    const nowNs = (): bigint => BigInt(this.nowS) * 1_000_000_000n;
    this.disk = new SimulatedDisk({ root: this.root, order, random: this.#random, nowNs });
    this.#before = useDisk(this.disk.disk);
    Date.now = () => this.nowS * 1000;
    Math.random = this.#random;
    const { conf, partitions, staging } = this.folders;
    for (const folder of [conf, ...partitions, staging]) makeFolders(folder);
    syncFolder(dirname(conf));
    this.store = new Store(this.folders, () => this.nowS);
    this.disk.plan = (call) => this.#faultOf(call.name);
  }

  async end(): Promise<void> {
    this.armed = undefined;
    await this.store.close().catch(() => undefined);
    useDisk(this.#before);
    Date.now = this.#real.now;
    Math.random = this.#real.random;
    rmSync(this.root, { recursive: true, force: true });
  }

  expected(userid: string): Expected {
    let expected = this.users.get(userid);
    if (expected === undefined) {
      expected = { states: [NOTHING], history: [{ time: 0, text: '' }], lastTime: 0 };
      this.users.set(userid, expected);
    }
    return expected;
  }

  #faultOf(name: string): Fault | undefined {
    const { armed } = this;
    if (armed !== undefined && this.disk.calls >= armed.atCall && fits(armed.fault, name)) {
      this.armed = undefined;
      this.#hasFailed = true;
      return armed.fault;
    }
    const isPart = this.isShort && (name === 'read' || name === 'write') && this.#random() < 0.4;
    return isPart ? 'short' : undefined;
  }

  /** A master changes a user. */
  async command(random: () => number, userid: string): Promise<void> {
    const expected = this.expected(userid);
    const [state] = expected.states;
    if (state === undefined || expected.states.length > 1) throw new Error('the state is not known');
    const change = changeOf(random, userid, state);
    for (const upload of change.uploads)
      if ((await this.store.run(upload)) !== undefined) return this.#refused();
    expected.states = [state, change.after];
    const refusal = await this.store.run(change.command);
    if (refusal !== undefined) {
      if (!this.#hasFailed) throw new Violation(`${change.command.slice(0, 200)}: ${refusal.stack}`);
      return;
    }
    const backup = await this.#held(userid);
    if (backup === undefined) return; // The power failed after the answer.
    expected.states = [change.after];
    this.#remember(expected, change.after, lastTimestamp(backup.index) ?? 0);
  }

  #refused(): void {
    if (!this.#hasFailed) throw new Violation('an upload is refused');
  }

  async #held(userid: string) {
    for (const backup of this.store.backups.held()) if (backup.userid === userid) return backup;
    return undefined;
  }

  #remember(expected: Expected, state: (typeof expected.states)[number], time: number): void {
    if (time < expected.lastTime || time > Math.max(this.nowS, expected.lastTime))
      throw new Violation(`the last line's time is ${time}, after ${expected.lastTime}`);
    expected.lastTime = time;
    const last = expected.history.at(-1);
    if (last?.text !== textOf(state)) expected.history = [...expected.history, { time, text: textOf(state) }];
  }

  /** Runs work of an administrator, which may be refused only if a call failed. */
  async admin(work: () => Promise<unknown>): Promise<void> {
    try {
      await this.store.release();
      await work();
    } catch (error) {
      if (!this.#hasFailed) throw error;
    }
  }

  setHold(reason: string | null): void {
    this.holds = [...this.holds, reason];
    try {
      new RetentionRules(databaseIn(this.folders)).setHold('anne', reason);
      this.holds = [reason];
    } catch (error) {
      if (!this.#hasFailed) throw error;
    }
  }

  /** Runs the mount's reading. It may fail only if a call did. */
  reading(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!this.#hasFailed || error instanceof Violation) throw error;
    }
  }

  /** Leaves so much room on the disk until the next check. */
  fillDisk(roomBytes: number): void {
    const { files } = this.disk;
    files.capacityBytes = files.usedBytes() + roomBytes;
    this.#hasFailed = true;
  }

  /** Ends the process in good order, and starts another. */
  async restart(): Promise<void> {
    await this.admin(async () => {
      await this.store.close();
      this.store = new Store(this.folders, () => this.nowS);
    });
    if (!this.disk.isDead && this.#hasFailed) {
      await this.store.close().catch(() => undefined);
      this.armed = undefined;
      this.store = new Store(this.folders, () => this.nowS);
    }
  }

  /** The last check of a history. */
  async finish(): Promise<void> {
    await this.settle();
    this.armed = undefined;
    await this.checkAll(false);
  }

  /** Keeps the caches as they are, for a later power cut. */
  keepCaches(): void {
    this.#snapshots = [takeSnapshot(this.root), ...this.#snapshots].slice(0, 3);
  }

  /** Recovers and compares if the power has failed or a call did. Call it after each step. */
  async settle(): Promise<void> {
    this.isShort = false;
    this.disk.files.capacityBytes = Infinity;
    if (this.disk.isDead) await this.#recover();
    else if (this.#hasFailed) {
      this.faults += 1;
      this.#hasFailed = false;
      this.armed = undefined;
      await this.checkAll(false);
    }
  }

  async #recover(): Promise<void> {
    let isDamaged = false;
    for (let depth = 0; this.disk.isDead; depth += 1) {
      this.cuts += 1;
      isDamaged = (await this.#restart()) || isDamaged;
      this.#hasFailed = false;
      if (depth < 3 && this.#random() < 0.3) {
        const fault = this.#random() < 0.5 ? 'cut before' : 'cut after';
        this.armed = { fault, atCall: this.disk.calls + 1 + Math.floor(this.#random() * 60) };
      }
      try {
        this.store = new Store(this.folders, () => this.nowS);
        await this.checkAll(isDamaged, true);
      } catch (error) {
        if (!this.disk.isDead) throw error;
      }
      this.armed = undefined;
    }
  }

  /** Ends the dead process, and starts the disk again. Returns whether indexes were damaged. */
  async #restart(): Promise<boolean> {
    const killed = takeSnapshot(this.root);
    await this.store.close().catch(() => undefined);
    const { kind } = loseCaches(this.root, killed, this.#snapshots, this.#random);
    this.disk.crash();
    return kind === 'damaged';
  }

  /** Compares every user with the model. */
  async checkAll(isIndexDamaged: boolean, isAfterCut = false): Promise<void> {
    await this.store.release();
    for (const [userid, expected] of this.users) {
      const path = this.store.catalog.find(userid);
      if (path === null) {
        if (!expected.states.includes(NOTHING)) throw new Violation(`${userid} is not in backups.db`);
        expected.states = [NOTHING];
        continue;
      }
      const { stagingDirectory, random } = { stagingDirectory: this.folders.staging, random: this.#random };
      const options = { userid, path, stagingDirectory, random, isIndexDamaged };
      const { state, lastTime } = await checkUser(this.disk, expected, options);
      expected.states = [state];
      this.#remember(expected, state, lastTime);
    }
    const hold = new RetentionRules(databaseIn(this.folders)).holdOf('anne');
    if (!this.holds.includes(hold))
      throw new Violation(`the hold is ${hold}, not ${this.holds.join(' or ')}`);
    // After a failed call the file that is seen may be the old one again after a power cut.
    if (isAfterCut) this.holds = [hold];
    this.#requireClosed();
  }

  /** At rest, backups.db, inboxes.db and the staging file are open, and no data file. */
  #requireClosed(): void {
    const open = [...this.disk.files.handles.values()].map(({ path }) => path);
    const left = open.filter((path) => !/\/(backups|inboxes)\.db$|\/backupd-staging\.\w+$/.test(path));
    if (left.length > 0) throw new Violation(`left open: ${left.join(', ')}`);
  }
}

/** Reports whether a fault makes sense for a call. */
function fits(fault: Fault, name: string): boolean {
  if (fault === 'busy') return name === 'lock';
  if (fault === 'ENOSPC')
    return ['write', 'ftruncate', 'fsync', 'fdatasync', 'open', 'mkdir', 'rename', 'link'].includes(name);
  return true;
}
