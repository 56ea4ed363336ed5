/**
 * The names of a simulated disk: which inode each path leads to, now and after a power cut.
 *
 * A change of a name is durable once the folders that it concerns were synced. Of the others, a
 * power cut keeps:
 *
 * - journalled: the changes up to some point, as a file system with a journal does.
 * - strict: any, but that changes of one name keep their order. POSIX promises no more.
 *
 * A rename is one change. A folder that is lost takes its content with it.
 */
import { dirname } from 'node:path';

export type NameOrder = 'journalled' | 'strict';

interface Step {
  readonly path: string;
  /** undefined removes the name. */
  readonly ino: number | undefined;
}

/** Steps that take effect together. */
interface NameChange {
  readonly steps: readonly Step[];
  /** The folders that have to be synced, by inode. */
  readonly folders: Set<number>;
}

export class NameTable {
  readonly #names: Map<string, number>;
  readonly #durable: Map<string, number>;
  #pending: NameChange[] = [];
  readonly #order: NameOrder;

  constructor(names: ReadonlyMap<string, number>, order: NameOrder) {
    this.#names = new Map(names);
    this.#durable = new Map(names);
    this.#order = order;
  }

  get(path: string): number | undefined {
    return this.#names.get(path);
  }

  entries(): IterableIterator<[string, number]> {
    return this.#names.entries();
  }

  change(...steps: readonly Step[]): void {
    const folders = new Set<number>();
    for (const { path } of steps) {
      const folder = this.#names.get(dirname(path));
      if (folder !== undefined) folders.add(folder);
    }
    for (const step of steps) take(this.#names, step);
    this.#pending.push({ steps, folders });
  }

  /** Makes the changes in a folder durable, and those that they depend on. */
  sync(folder: number): void {
    for (const change of this.#pending) change.folders.delete(folder);
    const last = this.#pending.findLastIndex(({ folders }) => folders.size === 0);
    if (last === -1) return;
    const isKept = this.#pending.map(
      ({ folders }, at) => folders.size === 0 || (this.#order === 'journalled' && at <= last),
    );
    // A change needs the earlier ones of its names.
    for (let at = last; at >= 0; at -= 1) {
      if (isKept[at] !== true) continue;
      for (let before = 0; before < at; before += 1) {
        if (this.#touchSameName(before, at)) isKept[before] = true;
      }
    }
    for (const [at, { steps }] of this.#pending.entries()) {
      if (isKept[at] === true) for (const step of steps) take(this.#durable, step);
    }
    this.#pending = this.#pending.filter((_, at) => isKept[at] !== true);
  }

  /** Returns the names after a power cut. */
  crashed(random: () => number): Map<string, number> {
    const names = new Map(this.#durable);
    const isLost = this.#lostChanges(random);
    for (const [at, { steps }] of this.#pending.entries()) {
      if (isLost[at] !== true) for (const step of steps) take(names, step);
    }
    return reachable(names);
  }

  #lostChanges(random: () => number): boolean[] {
    const count = this.#pending.length;
    if (this.#order === 'journalled') {
      const end = Math.floor(random() * (count + 1));
      return this.#pending.map((_, at) => at >= end);
    }
    const chance = [0, 0.2, 0.5, 0.8, 1][Math.floor(random() * 5)] as number;
    const isLost: boolean[] = [];
    for (let at = 0; at < count; at += 1) {
      const needsLost = isLost.some((lost, before) => lost && this.#touchSameName(before, at));
      isLost.push(random() < chance || needsLost);
    }
    return isLost;
  }

  #touchSameName(one: number, other: number): boolean {
    const paths = this.#pending[one]?.steps.map(({ path }) => path) ?? [];
    return this.#pending[other]?.steps.some(({ path }) => paths.includes(path)) === true;
  }
}

function take(names: Map<string, number>, { path, ino }: Step): void {
  if (ino === undefined) names.delete(path);
  else names.set(path, ino);
}

/** Removes the names whose folder is gone. */
function reachable(names: Map<string, number>): Map<string, number> {
  const sorted = [...names].toSorted(([one], [other]) => one.length - other.length);
  const found = new Map<string, number>();
  const [root] = sorted;
  for (const [path, ino] of sorted) {
    if (path === root?.[0] || found.has(dirname(path))) found.set(path, ino);
  }
  return found;
}
