/**
 * Checks for free disk space before the server accepts a master's data. A disk that is really full
 * stops the index, the log and all other programs on it. Work in progress can then neither be
 * finished nor undone cleanly.
 *
 * The reserve is free space that new mail may not use. Unclaimed uploads of all sessions count as
 * used, because they will be written into a backup. They count even if they already lie on the same
 * disk. Half of the reserve is left for commands without new mail, and for commands that claim
 * accepted mail.
 */
import { BackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';

export interface DiskSpaceOptions {
  /** The reserve in bytes. 0 means that nothing is ever refused. */
  readonly reserveBytes: number;
  /** The folder for uploads that do not fit in memory. */
  readonly stagingDirectory: string;
  /** The backup partitions. */
  readonly partitions: readonly string[];
}

/** Returns the bytes that an ordinary user may still write there, or null if that is unknown. */
export type FreeBytesOf = (directory: string) => number | null;

/**
 * How long a measurement of a disk's free space is reused. Data accepted in that time is
 * subtracted.
 */
const LOOK_MS = 1000;

interface Look {
  readonly atMs: number;
  /** The disk's free bytes minus unclaimed uploads. */
  readonly freeBytes: number;
  /** Bytes accepted since the measurement. */
  takenBytes: number;
}

function freeBytesOf(directory: string): number | null {
  try {
    const { bsize, bavail } = disk.statfs(directory);
    return bsize * bavail;
  } catch {
    return null; // a later write there reports the error
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

  /** Counts a session's `stagedBytes` as used, until the returned function is called. */
  hold(stagedBytes: () => number): () => void {
    this.#holders.add(stagedBytes);
    return () => void this.#holders.delete(stagedBytes);
  }

  /**
   * Announces a message whose owner is still unknown. Throws 'no-space' if no partition has room
   * for it.
   */
  takeMessage(sizeBytes: number): void {
    const { reserveBytes, stagingDirectory, partitions } = this.#options;
    if (reserveBytes === 0) return;
    const looks = [stagingDirectory, ...partitions].map((directory) => this.#look(directory));
    const [staging = 0, ...others] = looks.map((look) => look.freeBytes - look.takenBytes - sizeBytes);
    if (staging < reserveBytes) throw tooFull(stagingDirectory);
    if (others.every((free) => free < reserveBytes)) throw tooFull(partitions.join(', '));
    for (const look of looks) look.takenBytes += sizeBytes;
  }

  /**
   * Call before asking a master for mail for a backup in this folder. Throws 'no-space' if the disk
   * has no room.
   */
  requireRoomForMail(directory: string): void {
    this.#require(directory, this.#options.reserveBytes);
  }

  /**
   * Call before writing data without new mail to this folder, or mail that was already accepted.
   * Throws 'no-space' if the disk has no room.
   */
  requireRoom(directory: string): void {
    this.#require(directory, this.#options.reserveBytes / 2);
  }

  /** The free space where `requireRoom` and the like refused, as fields of a log line. */
  shortageOf(partition: string): {
    partition: string;
    free_bytes: number | undefined;
    reserve_bytes: number;
  } {
    const free = this.#freeBytesOf(partition) ?? undefined;
    return { partition, free_bytes: free, reserve_bytes: this.#options.reserveBytes };
  }

  /** Returns the partitions, and the staging folder, with less free space than the reserve. */
  shortages(): string[] {
    const { reserveBytes, partitions, stagingDirectory } = this.#options;
    return [...new Set([...partitions, stagingDirectory])].filter((directory) => {
      const free = this.#freeBytesOf(directory);
      return free !== null && free < reserveBytes;
    });
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
