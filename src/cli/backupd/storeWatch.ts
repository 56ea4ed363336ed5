/**
 * Looks at the store once a minute: logs a partition whose free space is below the reserve, and
 * records gauges in the status store for programs that cannot ask backupd.
 */
import { disk as files } from '../../fs/disk/current.ts';
import type { Log } from '../../logging/events.ts';
import type { Listener } from '../../server/listener.ts';
import { openBackupCount } from '../../server/openBackups.ts';
import type { SharedLimits } from './options.ts';

const LOOK_MS = 60_000;
/** A partition that stays full is logged again after this time. */
const REPEAT_MS = 3_600_000;

export class StoreWatch {
  readonly #log: Log;
  readonly #shared: Pick<SharedLimits, 'disk' | 'status'>;
  readonly #listener: Pick<Listener, 'connectionCount'>;
  readonly #loggedAtMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    log: Log,
    shared: Pick<SharedLimits, 'disk' | 'status'>,
    listener: Pick<Listener, 'connectionCount'>,
  ) {
    this.#log = log;
    this.#shared = shared;
    this.#listener = listener;
  }

  /** Looks now, and every minute from now on. */
  start(partitions: () => ReadonlyMap<string, string>): void {
    this.look(partitions());
    this.#timer = setInterval(() => this.look(partitions()), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(partitions: ReadonlyMap<string, string>): void {
    const { disk, status } = this.#shared;
    const short = disk.shortages();
    for (const partition of this.#loggedAtMs.keys()) {
      if (!short.includes(partition)) this.#loggedAtMs.delete(partition);
    }
    for (const partition of short) this.#logShortage(partition);
    const now = Date.now() / 1000;
    status.recordGauge('connections', '', this.#listener.connectionCount, now);
    status.recordGauge('open_backups', '', openBackupCount(), now);
    for (const [name, { freeBytes }] of partitionSpaces(partitions)) {
      status.recordGauge('partition_free_bytes', name, freeBytes, now);
    }
  }

  #logShortage(partition: string): void {
    const now = performance.now();
    if (now - (this.#loggedAtMs.get(partition) ?? -Infinity) < REPEAT_MS) return;
    this.#loggedAtMs.set(partition, now);
    const reason = `${partition}: less space is free than backup_disk_reserve: new mail is refused`;
    this.#log.write('no-space', { user: undefined, reason, ...this.#shared.disk.shortageOf(partition) });
  }
}

export interface PartitionSpace {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** The space of each partition that can be looked at, by its name. */
export function partitionSpaces(partitions: ReadonlyMap<string, string>): Map<string, PartitionSpace> {
  const spaces = new Map<string, PartitionSpace>();
  for (const [name, path] of partitions) {
    try {
      const { bsize, bavail, blocks } = files.statfs(path);
      spaces.set(name, { freeBytes: bsize * bavail, sizeBytes: bsize * blocks });
    } catch {
      // The folder is missing, which `cyrus-backups check` and the next write report.
    }
  }
  return spaces;
}
