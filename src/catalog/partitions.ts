/**
 * Chooses the backup partition, the hashed directory and the name of a new data file.
 *
 * The selection follows cyrus-imapd imap/partlist.c, so that disks fill evenly even if a site also
 * uses the original tools. There is one difference: this project skips an unreadable partition,
 * whereas the original then chooses randomly among all.
 */
import { randomInt } from 'node:crypto';
import { dirname, join } from 'node:path';
import { BackupError, asBackupError } from '../errors.ts';
import { disk } from '../fs/disk/current.ts';
import { makeFolders, syncFolder } from '../fs/folders.ts';
import { giveOwner } from '../fs/keepOwner.ts';
import { removeFile, statExisting } from '../fs/names.ts';
import { createExclusively } from '../fs/open.ts';

export type PartitionSelectMode =
  | 'random'
  | 'freespace-most'
  | 'freespace-percent-most'
  | 'freespace-percent-weighted'
  | 'freespace-percent-weighted-delta';

export interface PartitionOptions {
  /** Maps partition names to directories. */
  partitions: ReadonlyMap<string, string>;
  mode: PartitionSelectMode;
  /** Partitions that get no new backups. */
  exclude: readonly string[];
  /** Skips partitions that are fuller than this percentage, unless all are; 0 skips none. */
  softUsageLimitPercent: number;
  /** Measures the disks again after this many selections; 0 measures once. */
  usageReinit: number;
}

export interface Usage {
  /** Partitions with the same id share a file system. */
  fileSystemId: number;
  availableBytes: number;
  totalBytes: number;
}

/**
 * Measures a partition's file system, and creates the directory if it is missing. Returns null if
 * that fails.
 */
export function usageOf(directory: string): Usage | null {
  try {
    makeFolders(directory);
    const { bsize, bavail, blocks } = disk.statfs(directory);
    if (blocks <= 0) return null;
    const fileSystemId = statExisting(directory).dev;
    return { fileSystemId, availableBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null;
  }
}

interface Candidate {
  name: string;
  directory: string;
  availableBytes: number;
  /**
   * Free space in percent; in a weighted mode, the relative probability of being chosen. A
   * partition with weight 0 is never chosen.
   */
  weight: number;
}

export interface PartitionProbe {
  usage: (directory: string) => Usage | null;
  /** Returns a random number in [0, 1). */
  random: () => number;
}

const MODES_BY_DISK = new Set<PartitionSelectMode>(['freespace-most', 'freespace-percent-most']);

/**
 * Measures the free space of each partition in percent. Partitions that must not be chosen get 0:
 * unreadable ones, and a second one on the same file system.
 */
function measure(options: PartitionOptions, probe: PartitionProbe): Candidate[] {
  const seen = new Set<number>();
  const candidates: Candidate[] = [];
  for (const [name, directory] of options.partitions) {
    if (options.exclude.includes(name)) continue;
    const candidate = { name, directory, availableBytes: 0, weight: 0 };
    candidates.push(candidate);
    if (options.mode === 'random') {
      candidate.weight = 50;
      continue;
    }
    const usage = probe.usage(directory);
    if (usage === null) continue;
    const isTwin = seen.has(usage.fileSystemId);
    seen.add(usage.fileSystemId);
    if (isTwin && MODES_BY_DISK.has(options.mode)) continue;
    candidate.availableBytes = usage.availableBytes;
    candidate.weight = (usage.availableBytes * 100) / usage.totalBytes;
  }
  return candidates;
}

function applySoftLimit(candidates: Candidate[], softUsageLimitPercent: number): void {
  const freeLimit = 100 - softUsageLimitPercent;
  if (!candidates.some(({ weight }) => weight > freeLimit)) return;
  for (const candidate of candidates) if (candidate.weight <= freeLimit) candidate.weight = 0;
}

/**
 * Turns free space into probabilities. The fullest partition keeps half a percent, so that it is
 * still chosen sometimes.
 */
function weigh(candidates: Candidate[], mode: PartitionSelectMode): void {
  const chosen = candidates.filter(({ weight }) => weight > 0);
  if (mode !== 'freespace-percent-weighted-delta') return;
  const least = Math.min(...chosen.map(({ weight }) => weight));
  for (const candidate of chosen) candidate.weight += 0.5 - least;
}

function largest(candidates: Candidate[], valueOf: (candidate: Candidate) => number): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (best, candidate) => (best === undefined || valueOf(candidate) > valueOf(best) ? candidate : best),
    undefined,
  );
}

export class PartitionSelector {
  readonly #options: PartitionOptions;
  readonly #probe: PartitionProbe;
  #candidates: Candidate[] | null = null;
  #selections = 0;

  constructor(options: PartitionOptions, probe: PartitionProbe = { usage: usageOf, random: Math.random }) {
    this.#options = options;
    this.#probe = probe;
  }

  /**
   * Returns the directory of the partition for the next new backup. Throws 'config' if none is
   * usable.
   */
  select(): string {
    const usable = this.#current().filter(({ weight }) => weight > 0);
    const chosen = this.#choose(usable);
    if (chosen !== undefined) return chosen.directory;
    this.#candidates = null;
    const names = [...this.#options.partitions.keys()].join(', ');
    throw new BackupError(
      'config',
      `no usable backup partition (backuppartition-NAME) among: ${names || 'none'}`,
    );
  }

  #current(): Candidate[] {
    const { usageReinit, softUsageLimitPercent, mode } = this.#options;
    const isStale = usageReinit > 0 && this.#selections >= usageReinit;
    if (this.#candidates === null || isStale) {
      this.#candidates = measure(this.#options, this.#probe);
      applySoftLimit(this.#candidates, softUsageLimitPercent);
      weigh(this.#candidates, mode);
      this.#selections = 0;
    }
    this.#selections++;
    return this.#candidates;
  }

  #choose(usable: Candidate[]): Candidate | undefined {
    const { mode } = this.#options;
    if (mode === 'freespace-most') return largest(usable, ({ availableBytes }) => availableBytes);
    if (mode === 'freespace-percent-most') return largest(usable, ({ weight }) => weight);
    if (mode === 'random') return usable[Math.floor(this.#probe.random() * usable.length)];
    return this.#throwDice(usable);
  }

  #throwDice(usable: Candidate[]): Candidate | undefined {
    const total = usable.reduce((sum, { weight }) => sum + weight, 0);
    let left = this.#probe.random() * total;
    return usable.find(({ weight }) => (left -= weight) < 0) ?? usable.at(-1);
  }
}

/**
 * Returns the one letter of the hashed directory (cyrus-imapd lib/util.c, dir_hash_c). `userid` is
 * one byte per character.
 */
export function hashLetter(userid: string, fullDirHash: boolean): string {
  if (!fullDirHash) {
    const first = userid.charAt(0).toLowerCase();
    return /^[a-z]$/.test(first) ? first : 'q';
  }
  let hash = 0;
  for (const byte of Buffer.from(userid, 'latin1')) {
    if (byte === 0x2e || byte === 0) break;
    hash = ((hash << 3) ^ (hash >>> 5) ^ byte) >>> 0;
  }
  return String.fromCharCode(0x41 + (hash % 23));
}

const SUFFIX_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SUFFIX_LENGTH = 6;
const MAX_ATTEMPTS = 100;

function randomSuffix(): string {
  return Array.from({ length: SUFFIX_LENGTH }, () => SUFFIX_LETTERS[randomInt(SUFFIX_LETTERS.length)]).join(
    '',
  );
}

/**
 * Creates an empty data file PARTITION/HASH/NAME_XXXXXX with mode 0600, in directories of mode
 * 0700. Syncs the directory, so that the name is on disk before anything refers to it. `name` is
 * the userid as a file name.
 */
export function createDataFile(partition: string, letter: string, name: string): string {
  const directory = join(partition, letter);
  try {
    makeFolders(directory);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const path = join(directory, `${name}_${randomSuffix()}`);
      if (makeExclusively(path)) return path;
    }
  } catch (error) {
    throw asBackupError(error, `cannot create a data file in ${directory}`);
  }
  throw new BackupError('io', `no free data file name for ${name} in ${directory}`);
}

function makeExclusively(path: string): boolean {
  let fd: number;
  try {
    fd = createExclusively(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    giveOwner(fd, statExisting(dirname(path)));
    disk.fsync(fd);
    syncFolder(dirname(path));
  } catch (error) {
    removeFile(path);
    throw error;
  } finally {
    disk.close(fd);
  }
  return true;
}
