/**
 * Wraps node:fs to track which names and contents a strict power cut would lose right now, and to
 * make syncs fail on command. It sees this process's synchronous calls of node:fs, so neither
 * SQLite nor other processes.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, resolve } from 'node:path';

type Fs = typeof fs;
const WATCHED = [
  'openSync',
  'closeSync',
  'mkdirSync',
  'renameSync',
  'linkSync',
  'rmSync',
  'unlinkSync',
  'writeSync',
  'ftruncateSync',
  'fsyncSync',
  'fdatasyncSync',
] as const satisfies readonly (keyof Fs)[];

export class WatchedDisk {
  readonly #real = Object.fromEntries(WATCHED.map((name) => [name, fs[name]])) as Pick<
    Fs,
    (typeof WATCHED)[number]
  >;
  readonly #paths = new Map<number, string>();
  readonly #names = new Set<string>();
  readonly #contents = new Set<string>();
  #syncs = 0;
  /**
   * Called before each sync with its number, from 1, and its path. If it returns true, the sync
   * fails.
   */
  failsSync: (number: number, path: string) => boolean = () => false;

  /** Replaces the functions of node:fs. */
  static watch(): WatchedDisk {
    const disk = new WatchedDisk();
    disk.#install();
    return disk;
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
    Object.assign(fs, this.#real);
    syncBuiltinESMExports();
  }

  #install(): void {
    const real = this.#real;
    const replaced: Partial<Record<(typeof WATCHED)[number], unknown>> = {
      openSync: (path: string, flags: number | string, mode?: number) => {
        const wasThere = fs.existsSync(path);
        const fd = real.openSync(path, flags, mode);
        this.#paths.set(fd, resolve(path));
        if (!wasThere) this.#names.add(resolve(path));
        return fd;
      },
      closeSync: (fd: number) => {
        this.#paths.delete(fd);
        real.closeSync(fd);
      },
      mkdirSync: (path: string, options: fs.MakeDirectoryOptions & { recursive: true }) => {
        const first = real.mkdirSync(path, options);
        if (first === undefined) return first;
        for (let folder = resolve(path); ; folder = dirname(folder)) {
          this.#names.add(folder);
          if (folder === resolve(first)) return first;
        }
      },
      renameSync: (from: string, to: string) => {
        real.renameSync(from, to);
        this.#names.delete(resolve(from));
        this.#names.add(resolve(to));
        if (this.#contents.delete(resolve(from))) this.#contents.add(resolve(to));
      },
      linkSync: (from: string, to: string) => {
        real.linkSync(from, to);
        this.#names.add(resolve(to));
      },
      rmSync: (path: string, options?: fs.RmOptions) => {
        real.rmSync(path, options);
        this.#forget(path);
      },
      unlinkSync: (path: string) => {
        real.unlinkSync(path);
        this.#forget(path);
      },
      writeSync: (fd: number, ...rest: [Uint8Array, number, number, number]) => {
        this.#touch(fd);
        return real.writeSync(fd, ...rest);
      },
      ftruncateSync: (fd: number, length: number) => {
        this.#touch(fd);
        real.ftruncateSync(fd, length);
      },
      fsyncSync: (fd: number) => this.#sync(fd, real.fsyncSync),
      fdatasyncSync: (fd: number) => this.#sync(fd, real.fdatasyncSync),
    };
    Object.assign(fs, replaced);
    syncBuiltinESMExports();
  }

  #forget(path: string): void {
    this.#names.delete(resolve(path));
    this.#contents.delete(resolve(path));
  }

  #touch(fd: number): void {
    const path = this.#paths.get(fd);
    if (path !== undefined) this.#contents.add(path);
  }

  #sync(fd: number, real: (fd: number) => void): void {
    const path = this.#paths.get(fd) ?? 'a file opened before';
    this.#syncs += 1;
    if (this.failsSync(this.#syncs, path)) {
      throw Object.assign(new Error(`EIO: i/o error, fsync`), { code: 'EIO' });
    }
    real(fd);
    this.#contents.delete(path);
    for (const name of this.#names) if (dirname(name) === path) this.#names.delete(name);
  }
}
