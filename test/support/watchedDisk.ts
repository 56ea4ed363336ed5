/**
 * Wraps the real disk to track which names and contents a strict power cut would lose right now,
 * and to make syncs fail on command. It sees what this process does through src/fs with blocking
 * calls, so neither SQLite nor other processes.
 */
import { dirname, resolve } from 'node:path';
import { useDisk } from '../../src/fs/disk/current.ts';
import type { Disk } from '../../src/fs/disk/disk.ts';
import { realDisk } from '../../src/fs/disk/realDisk.ts';

export class WatchedDisk {
  readonly #paths = new Map<number, string>();
  readonly #names = new Set<string>();
  readonly #contents = new Set<string>();
  #syncs = 0;
  /**
   * Called before each sync with its number, from 1, and its path. If it returns true, the sync
   * fails.
   */
  failsSync: (number: number, path: string) => boolean = () => false;

  /** Takes the place of the current disk until end(). */
  static watch(): WatchedDisk {
    const watched = new WatchedDisk();
    useDisk(watched.#disk());
    return watched;
  }

  /** Number of syncs so far. */
  get syncs(): number {
    return this.#syncs;
  }

  /**
   * What a strict power cut would lose: names in a folder that is not synced, and contents of files
   * that are not synced.
   */
  unsynced(): string[] {
    return [...this.#names, ...[...this.#contents].map((path) => `content of ${path}`)].toSorted();
  }

  end(): void {
    useDisk(realDisk);
  }

  #disk(): Disk {
    return {
      ...realDisk,
      open: (path, flags, mode) => {
        const wasThere = realDisk.exists(path);
        const fd = realDisk.open(path, flags, mode);
        this.#paths.set(fd, resolve(path));
        if (!wasThere) this.#names.add(resolve(path));
        return fd;
      },
      close: (fd) => {
        this.#paths.delete(fd);
        realDisk.close(fd);
      },
      mkdirs: (path, mode) => {
        const first = realDisk.mkdirs(path, mode);
        if (first === undefined) return first;
        for (let folder = resolve(path); ; folder = dirname(folder)) {
          this.#names.add(folder);
          if (folder === resolve(first)) return first;
        }
      },
      rename: (from, to) => {
        realDisk.rename(from, to);
        this.#names.delete(resolve(from));
        this.#names.add(resolve(to));
        if (this.#contents.delete(resolve(from))) this.#contents.add(resolve(to));
      },
      link: (from, to) => {
        realDisk.link(from, to);
        this.#names.add(resolve(to));
      },
      unlink: (path) => {
        realDisk.unlink(path);
        this.#names.delete(resolve(path));
        this.#contents.delete(resolve(path));
      },
      write: (fd, ...rest) => {
        this.#touch(fd);
        return realDisk.write(fd, ...rest);
      },
      ftruncate: (fd, length) => {
        this.#touch(fd);
        realDisk.ftruncate(fd, length);
      },
      fsync: (fd) => this.#sync(fd, () => realDisk.fsync(fd)),
      fdatasync: (fd) => this.#sync(fd, () => realDisk.fdatasync(fd)),
    };
  }

  #touch(fd: number): void {
    const path = this.#paths.get(fd);
    if (path !== undefined) this.#contents.add(path);
  }

  #sync(fd: number, real: () => void): void {
    const path = this.#paths.get(fd) ?? 'a file opened before';
    this.#syncs += 1;
    if (this.failsSync(this.#syncs, path)) {
      throw Object.assign(new Error(`EIO: i/o error, fsync`), { code: 'EIO' });
    }
    real();
    this.#contents.delete(path);
    for (const name of this.#names) if (dirname(name) === path) this.#names.delete(name);
  }
}
