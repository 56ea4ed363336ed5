/**
 * Whether there is room on disk for what a master wants to send, asked before it is taken: a disk that is really full stops
 * index, log and everybody else on it, and what is in hand then can neither be finished nor be taken back cleanly.
 *
 * The reserve is free space that new mail does not get. What sessions have uploaded and no mailbox has claimed counts
 * as used, for it will be written into a backup (again, where it lies on the same disk meanwhile). Commands without
 * new mail, and those that claim what was taken, have half of the reserve to themselves.
 */
import { statfsSync } from 'node:fs';
import { BackupError } from '../../errors.ts';

export interface DiskSpaceOptions {
  /** 0: never refuse anything. */
  readonly reserveBytes: number;
  /** Where uploads lie that do not fit in memory. */
  readonly stagingDirectory: string;
  /** The backup partitions. */
  readonly partitions: readonly string[];
}

/** Bytes that an ordinary user may still write there; null where that cannot be known. */
export type FreeBytesOf = (directory: string) => number | null;

/** How long a look at a disk holds; what was let in meanwhile is counted. */
const LOOK_MS = 1000;

interface Look {
  readonly atMs: number;
  /** Free, without what is in hand. */
  readonly freeBytes: number;
  /** Let in since. */
  takenBytes: number;
}

function freeBytesOf(directory: string): number | null {
  try {
    const { bsize, bavail } = statfsSync(directory);
    return bsize * bavail;
  } catch {
    return null; // who writes there will say what is wrong with it
  }
}

export class DiskSpace {
  readonly #freeBytesOf: FreeBytesOf;
  readonly #looks = new Map<string, Look>();
  readonly #holders = new Set<() => number>();
  #options: DiskSpaceOptions;

  constructor(options: DiskSpaceOptions, freeBytes: FreeBytesOf = freeBytesOf) {
    this.#options = options;
    this.#freeBytesOf = freeBytes;
  }

  reconfigure(options: DiskSpaceOptions): void {
    this.#options = options;
    this.#looks.clear();
  }

  /** Counts what a session holds, `stagedBytes`, as used, until the function that is returned is called. */
  hold(stagedBytes: () => number): () => void {
    this.#holders.add(stagedBytes);
    return () => void this.#holders.delete(stagedBytes);
  }

  /** A message is about to come, of whom is not known yet. Throws 'no-space' where no partition has room for it. */
  takeMessage(sizeBytes: number): void {
    const { reserveBytes, stagingDirectory, partitions } = this.#options;
    if (reserveBytes === 0) return;
    const looks = [stagingDirectory, ...partitions].map((directory) => this.#look(directory));
    const [staging = 0, ...others] = looks.map((look) => look.freeBytes - look.takenBytes - sizeBytes);
    if (staging < reserveBytes) throw tooFull(stagingDirectory);
    if (others.every((free) => free < reserveBytes)) throw tooFull(partitions.join(', '));
    for (const look of looks) look.takenBytes += sizeBytes;
  }

  /** Mail for a backup in this directory is about to be asked for. Throws 'no-space'. */
  requireRoomForMail(directory: string): void {
    this.#require(directory, this.#options.reserveBytes);
  }

  /** Something without new mail is to be written there, or mail that was taken before. Throws 'no-space'. */
  requireRoom(directory: string): void {
    this.#require(directory, this.#options.reserveBytes / 2);
  }

  #require(directory: string, atLeastBytes: number): void {
    if (atLeastBytes === 0) return;
    const { freeBytes, takenBytes } = this.#look(directory);
    if (freeBytes - takenBytes < atLeastBytes) throw tooFull(directory);
  }

  #look(directory: string): Look {
    const known = this.#looks.get(directory);
    const nowMs = performance.now();
    if (known !== undefined && nowMs - known.atMs < LOOK_MS) return known;
    let heldBytes = 0;
    for (const stagedBytes of this.#holders) heldBytes += stagedBytes();
    const free = this.#freeBytesOf(directory);
    const look = { atMs: nowMs, freeBytes: free === null ? Infinity : free - heldBytes, takenBytes: 0 };
    this.#looks.set(directory, look);
    return look;
  }
}

function tooFull(where: string): BackupError {
  return new BackupError('no-space', `${where}: free space is down to backup_disk_reserve`, {
    subject: where,
  });
}
