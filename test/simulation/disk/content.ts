/**
 * The content of a simulated file: what programs see, what is durable, and the changes in between.
 *
 * After a power cut:
 *
 * - Synced data is there.
 * - Any of the unsynced 512-byte sectors may have been written, each in any of its intermediate
 *   states. The others keep their old content, or are zeros if the file was shorter.
 * - The length is anywhere between the shortest and the longest since the last sync.
 */
const SECTOR = 512;

/** Rules for which unsynced sectors a crash keeps. */
const SECTOR_RULES = ['none', 'all', 'random', 'one', 'but one', 'last', 'first', 'odd'] as const;
type SectorRule = (typeof SECTOR_RULES)[number];

export type Change =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

export class FileContent {
  #bytes: Buffer;
  #size: number;
  #durable: Buffer;
  /** Changes since the last sync, in order. */
  #pending: Change[] = [];

  constructor(durable: Buffer = Buffer.alloc(0)) {
    this.#durable = durable;
    this.#bytes = Buffer.from(durable);
    this.#size = durable.length;
  }

  get size(): number {
    return this.#size;
  }

  /** A view of the content, which later changes may overwrite. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  change(change: Change): void {
    this.#pending.push(change);
    if (change.kind === 'write') {
      const end = change.at + change.bytes.length;
      this.#resize(Math.max(this.#size, end));
      change.bytes.copy(this.#bytes, change.at);
    } else this.#resize(change.size);
  }

  sync(): void {
    if (this.#pending.length === 0) return;
    this.#durable = this.#pending.reduce(apply, this.#durable);
    this.#pending = [];
  }

  /**
   * A sync that fails. Some of the unsynced sectors were written. The others are lost for good: no
   * later sync writes them. Programs see them as long as they are cached, which `isCached` says.
   */
  failSync(random: () => number, isCached: boolean): void {
    this.#durable = torn(this.#durable, this.#pending, random);
    this.#pending = [];
    if (isCached) return;
    this.#bytes = Buffer.from(this.#durable);
    this.#size = this.#durable.length;
  }

  /** Returns the content after a power cut. */
  crashed(random: () => number): Buffer {
    return torn(this.#durable, this.#pending, random);
  }

  #resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.#bytes.length, 4096));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }
}

function apply(content: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    const result = Buffer.alloc(change.size);
    content.copy(result);
    return result;
  }
  const { at, bytes } = change;
  const result = Buffer.alloc(Math.max(content.length, at + bytes.length));
  content.copy(result);
  bytes.copy(result, at);
  return result;
}

function torn(durable: Buffer, pending: readonly Change[], random: () => number): Buffer {
  if (pending.length === 0) return Buffer.from(durable);
  const versions = [durable];
  for (const change of pending) versions.push(apply(versions.at(-1) as Buffer, change));
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
    sectorOf(durable, at).copy(result, at);
    if (versions.some((version) => !sectorOf(version, at).equals(sectorOf(durable, at)))) changed.push(at);
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
