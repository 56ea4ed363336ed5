/**
 * Tells when files of the store are written or replaced. Directories are watched, not files: a store has few of them,
 * and a file may not be there yet. Where the system has no more watches to give (fs.inotify.max_user_watches), files
 * are looked at every second.
 */
import { unwatchFile, watch, watchFile } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../../src/errors.ts';

const POLL_MS = 1000;

/** Watches a directory; throws, or emits 'error', where that cannot be. */
export type WatchDirectory = (path: string, changed: (fileName: string) => void) => FSWatcher;

const watchDirectory: WatchDirectory = (path, changed) =>
  watch(path, { persistent: false }, (_type, fileName) => {
    if (fileName !== null) changed(fileName);
  });

export class Watches {
  readonly #changed: (path: string) => void;
  readonly #log: (line: string) => void;
  readonly #watchDirectory: WatchDirectory;
  /** Null: it could not be watched. */
  readonly #directories = new Map<string, FSWatcher | null>();
  readonly #polled = new Set<string>();
  #hasComplained = false;

  /** `changed` is also called for other files in the same directories. */
  constructor(changed: (path: string) => void, log: (line: string) => void, how = watchDirectory) {
    this.#changed = changed;
    this.#log = log;
    this.#watchDirectory = how;
  }

  /** May be called again for the same file. */
  add(path: string): void {
    const directory = dirname(path);
    if (!this.#directories.has(directory)) this.#directories.set(directory, this.#watch(directory));
    if (this.#directories.get(directory) === null) this.#poll(path);
  }

  /** A directory stays watched: most have more than one user's files. */
  remove(path: string): void {
    if (this.#polled.delete(path)) unwatchFile(path);
  }

  close(): void {
    for (const watcher of this.#directories.values()) watcher?.close();
    for (const path of this.#polled) unwatchFile(path);
    this.#directories.clear();
    this.#polled.clear();
  }

  #watch(directory: string): FSWatcher | null {
    try {
      const watcher = this.#watchDirectory(directory, (name) => this.#changed(join(directory, name)));
      watcher.on('error', (error) => {
        watcher.close();
        this.#directories.delete(directory);
        this.#complain(directory, error);
      });
      return watcher;
    } catch (error) {
      this.#complain(directory, error);
      return null;
    }
  }

  #complain(directory: string, error: unknown): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.#log(
      `mount: cannot watch ${directory} (${messageOf(error)}): looking for changes every second instead`,
    );
  }

  #poll(path: string): void {
    if (this.#polled.has(path)) return;
    this.#polled.add(path);
    watchFile(path, { persistent: false, interval: POLL_MS }, () => this.#changed(path));
  }
}
