/**
 * Reports when files of the store are written or replaced. It watches directories instead of files,
 * because a store has few directories, and a file may not exist yet. If the system's limit of
 * watches (fs.inotify.max_user_watches) is reached, it polls the files instead. It polls every
 * second, or less often if there are very many files.
 */
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../../src/errors.ts';
import { statExisting } from '../../src/fs/names.ts';

const POLL_MS = 1000;
/**
 * After polling all files, the pause lasts at least the duration of the polling times this factor.
 */
const POLL_PAUSE = 10;

/** Watches a directory. If that is impossible, the function throws or its watcher emits 'error'. */
export type WatchDirectory = (path: string, changed: (fileName: string) => void) => FSWatcher;

const watchDirectory: WatchDirectory = (path, changed) =>
  watch(path, { persistent: false }, (_type, fileName) => {
    if (fileName !== null) changed(fileName);
  });

export class Watches {
  readonly #changed: (path: string) => void;
  readonly #log: (line: string) => void;
  readonly #watchDirectory: WatchDirectory;
  /** The watched directories. The value is null if the directory could not be watched. */
  readonly #directories = new Map<string, FSWatcher | null>();
  /** The polled files, each with its state at the last poll. */
  readonly #polled = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #hasComplained = false;

  /** `changed` may also be called for other files in the watched directories. */
  constructor(changed: (path: string) => void, log: (line: string) => void, how = watchDirectory) {
    this.#changed = changed;
    this.#log = log;
    this.#watchDirectory = how;
  }

  /** Starts watching a file. Idempotent. */
  add(path: string): void {
    const directory = dirname(path);
    if (!this.#directories.has(directory)) this.#watch(directory);
    if (this.#directories.get(directory) !== null || this.#polled.has(path)) return;
    this.#polled.set(path, stateOf(path));
    this.#poll(POLL_MS);
  }

  /**
   * Stops watching a file. Its directory stays watched, because most directories hold files of
   * several users.
   */
  remove(path: string): void {
    this.#polled.delete(path);
  }

  close(): void {
    for (const watcher of this.#directories.values()) watcher?.close();
    clearTimeout(this.#timer);
    this.#directories.clear();
    this.#polled.clear();
  }

  #watch(directory: string): void {
    try {
      const watcher = this.#watchDirectory(directory, (name) => this.#changed(join(directory, name)));
      watcher.on('error', (error) => {
        watcher.close();
        this.#directories.delete(directory);
        this.#complain(directory, error);
      });
      this.#directories.set(directory, watcher);
    } catch (error) {
      // If a directory is missing, it contains no files that could change.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#directories.set(directory, null);
      this.#complain(directory, error);
    }
  }

  #complain(directory: string, error: unknown): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.#log(
      `mount: cannot watch ${directory} (${messageOf(error)}): looking for changes every second instead`,
    );
  }

  #poll(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      const startMs = performance.now();
      for (const [path, before] of this.#polled) {
        const state = stateOf(path);
        if (state === before) continue;
        this.#polled.set(path, state);
        this.#changed(path);
      }
      this.#timer = undefined;
      if (this.#polled.size === 0) return;
      this.#poll(Math.max(POLL_MS, POLL_PAUSE * (performance.now() - startMs)));
    }, delayMs).unref();
  }
}

function stateOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statExisting(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return messageOf(error);
  }
}
