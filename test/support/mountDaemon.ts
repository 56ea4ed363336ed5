/**
 * A mount for a test, served by a process of its own (`dist/bin/cyrus-backups mount --foreground`),
 * because a process that accesses its own mount hangs for good.
 *
 * If the server hangs, its requests are aborted through /sys/fs/fuse/connections, so that no
 * processes remain that cannot be killed.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon, makeFolder, run, waitUntil } from './machine.ts';

const PROGRAM = new URL('../../bin/cyrus-backups', import.meta.url).pathname;

export class MountDaemon {
  readonly path: string;
  readonly #folder: string;
  readonly #daemon: Daemon;

  private constructor(folder: string, path: string, daemon: Daemon) {
    this.#folder = folder;
    this.path = path;
    this.#daemon = daemon;
  }

  /** Resolves when the kernel lists the mount. `options` are the values of -o. */
  static async start(conf: string, options: readonly string[] = [], program = PROGRAM): Promise<MountDaemon> {
    const folder = makeFolder('mount');
    const path = join(folder, 'mnt');
    mkdirSync(path);
    const more = options.length > 0 ? ['-o', options.join(',')] : [];
    const daemon = new Daemon(program, ['mount', '-C', conf, path, '--foreground', ...more]);
    const mount = new MountDaemon(folder, path, daemon);
    await waitUntil(() => mount.connection() !== undefined || mount.#throwIfEnded(), {
      what: () => `not mounted:\n${daemon.output}`,
    });
    return mount;
  }

  get log(): string {
    return this.#daemon.output;
  }

  get pid(): number | undefined {
    return this.#daemon.child.pid;
  }

  /**
   * The kernel's number of this FUSE connection (the minor of its device); undefined if it is not
   * mounted.
   */
  connection(): string | undefined {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    const fields = lines.map((line) => line.split(' ')).find((line) => line[4] === this.path);
    return fields?.[2]?.split(':')[1];
  }

  /**
   * Unmounts by ending the server. If the mount is still there then, it is aborted and detached.
   */
  async stop(): Promise<void> {
    await this.#daemon.stop('SIGTERM', 5000);
    const connection = this.connection();
    if (connection !== undefined) {
      const abort = `/sys/fs/fuse/connections/${connection}/abort`;
      if (existsSync(abort)) writeFileSync(abort, '1');
      await run('umount', ['--lazy', this.path]);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #throwIfEnded(): false {
    if (this.#daemon.hasExited) throw new Error(`the mount ended:\n${this.#daemon.output}`);
    return false;
  }
}
