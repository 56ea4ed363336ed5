/**
 * Computes the state of a disk after a power cut from recorded operations:
 *
 * - Synced data is there.
 * - Of the unsynced 512-byte sectors, any may have been written, each in any of its intermediate
 *   states. The others keep their old content, or are zeros if the file was shorter.
 * - The length of a file is anywhere between its shortest and its longest since the last sync.
 * - Changes of names reach the disk in order. Any number of those since the folder's last sync may
 *   be lost.
 */
import type { Operation } from './recorder.ts';

const SECTOR = 512;

interface File {
  synced: Buffer;
  /** Operations since the last sync, in order. */
  pending: Extract<Operation, { kind: 'write' | 'truncate' }>[];
}

/** Rules for which unsynced sectors a crash keeps. */
const SECTOR_RULES = ['none', 'all', 'random', 'one', 'but one', 'last', 'first', 'odd'] as const;
type SectorRule = (typeof SECTOR_RULES)[number];

export type Files = Map<string, Buffer>;

function apply(content: Buffer, operation: File['pending'][number]): Buffer {
  if (operation.kind === 'truncate') {
    const result = Buffer.alloc(operation.size);
    content.copy(result);
    return result;
  }
  const { at, bytes } = operation;
  const result = Buffer.alloc(Math.max(content.length, at + bytes.length));
  content.copy(result);
  bytes.copy(result, at);
  return result;
}

export class CrashedDisk {
  readonly #files = new Map<number, File>();
  #names = new Map<string, number>();
  #syncedNames = new Map<string, number>();
  #pendingNames: Map<string, number>[] = [];

  /** `start` is the disk before the first operation. */
  constructor(start: ReadonlyMap<string, { ino: number; bytes: Buffer }> = new Map()) {
    for (const [path, { ino, bytes }] of start) {
      this.#files.set(ino, { synced: bytes, pending: [] });
      this.#names.set(path, ino);
    }
    this.#syncedNames = new Map(this.#names);
  }

  run(operation: Operation): void {
    if (operation.kind === 'mark') return;
    if (operation.kind === 'name' || operation.kind === 'unname') return this.#rename(operation);
    if (operation.kind === 'syncFolder') {
      this.#syncedNames = new Map(this.#names);
      this.#pendingNames = [];
      return;
    }
    const file = this.#file(operation.ino);
    if (operation.kind !== 'sync') {
      file.pending.push(operation);
      return;
    }
    file.synced = file.pending.reduce(apply, file.synced);
    file.pending = [];
  }

  #rename(operation: Extract<Operation, { kind: 'name' | 'unname' }>): void {
    const names = new Map(this.#names);
    if (operation.kind === 'unname') names.delete(operation.path);
    else {
      if (operation.from !== null) names.delete(operation.from);
      names.set(operation.path, operation.ino);
    }
    this.#names = names;
    this.#pendingNames.push(names);
  }

  #file(ino: number): File {
    let file = this.#files.get(ino);
    if (file === undefined) this.#files.set(ino, (file = { synced: Buffer.alloc(0), pending: [] }));
    return file;
  }

  /** A file's content with everything that was written to it. */
  full(path: string): Buffer {
    const ino = this.#names.get(path);
    if (ino === undefined) return Buffer.alloc(0);
    const { synced, pending } = this.#file(ino);
    return pending.reduce(apply, synced);
  }

  /**
   * Returns the files that a restart finds. The name of a file that was just created may be
   * missing, like any other change of a name.
   */
  crash(random: () => number): Files {
    const states = [this.#syncedNames, ...this.#pendingNames];
    const names = states[Math.floor(random() * states.length)] ?? this.#syncedNames;
    const contents = new Map<number, Buffer>();
    for (const ino of new Set(names.values())) contents.set(ino, torn(this.#file(ino), random));
    return new Map(Array.from(names, ([path, ino]) => [path, contents.get(ino) ?? Buffer.alloc(0)]));
  }
}

/** Returns the content of a file after a crash. */
function torn({ synced, pending }: File, random: () => number): Buffer {
  if (pending.length === 0) return Buffer.from(synced);
  const versions = [synced];
  for (const operation of pending) versions.push(apply(versions.at(-1) as Buffer, operation));
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const lengths = versions.map(({ length }) => length);
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  const anywhere = least + Math.floor(random() * (most - least + 1));
  const length = pick([
    ...lengths,
    most,
    most,
    anywhere,
    Math.min(most, Math.ceil(anywhere / SECTOR) * SECTOR),
  ]);
  const result = Buffer.alloc(length);
  const changed: number[] = [];
  for (let at = 0; at < length; at += SECTOR) {
    sectorOf(synced, at).copy(result, at);
    if (versions.some((version) => !sectorOf(version, at).equals(sectorOf(synced, at)))) changed.push(at);
  }
  const rule = pick(SECTOR_RULES);
  const special = changed[Math.floor(random() * changed.length)];
  for (const [index, at] of changed.entries()) {
    if (!isWritten[rule](index, changed.length, at === special, random())) continue;
    const version = random() < 0.8 ? (versions.at(-1) as Buffer) : pick(versions);
    result.fill(0, at, Math.min(length, at + SECTOR));
    sectorOf(version, at).copy(result, at);
  }
  return result;
}

const isWritten: Record<
  SectorRule,
  (index: number, count: number, isSpecial: boolean, chance: number) => boolean
> = {
  none: () => false,
  all: () => true,
  random: (_index, _count, _isSpecial, chance) => chance < 0.5,
  one: (_index, _count, isSpecial) => isSpecial,
  'but one': (_index, _count, isSpecial) => !isSpecial,
  last: (index, count) => index === count - 1,
  first: (index) => index === 0,
  odd: (index) => index % 2 === 1,
};

function sectorOf(bytes: Buffer, at: number): Buffer {
  return bytes.subarray(Math.min(at, bytes.length), Math.min(at + SECTOR, bytes.length));
}
