/** Mounts the made-up tree in a process of its own, for tests, and leaves nothing behind. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseMountInfo } from '../../mount/lifecycle/mountTable.ts';
import type { MadeUpOptions } from './mount-tree.ts';

const PROGRAM = new URL('./mount-program.js', import.meta.url).pathname;
const ABORT_AFTER_MS = 15_000;

export const SMALL: MadeUpOptions = {
  folders: 3,
  messagesPerFolder: 40,
  messageBytes: 9001,
  bigFileBytes: 3_000_001,
};

export class MadeUpMount {
  readonly folder: string;
  readonly path: string;
  readonly child: ChildProcess;
  #output = '';

  constructor(options: MadeUpOptions, mountOptions: string, flags = ['--foreground'], folder = makeFolder()) {
    this.folder = folder;
    this.path = join(folder, 'mnt');
    const env = { ...process.env, MADE_UP_TREE: JSON.stringify(options) };
    const argv = [PROGRAM, this.path, ...flags, '-o', mountOptions];
    this.child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
  }

  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get isMounted(): boolean {
    return deviceAt(this.path) !== undefined;
  }

  /**
   * Resolves when the mount is in place and answers. A mount that is already in the mount table may
   * not have reported yet what it is.
   */
  async ready(): Promise<this> {
    await until(() => this.output.includes(': mounted') || this.hasEnded, 'the mount');
    if (!this.isMounted) throw new Error(`not mounted: ${this.output}`);
    return this;
  }

  async end(): Promise<void> {
    await until(() => this.hasEnded, `the end of the mount (${this.output})`);
  }

  /** Runs a program on the mount. Resolves to its outcome, whether it succeeds or not. */
  run(command: string, args: readonly string[], timeoutMs = ABORT_AFTER_MS): Promise<Outcome> {
    return run(command, args, { cwd: this.path, timeoutMs });
  }

  /** Must be called in any case, also after a failure. */
  async clean(): Promise<void> {
    if (!this.hasEnded) this.child.kill('SIGKILL');
    while (this.isMounted) {
      const connection = deviceAt(this.path)?.split(':')[1] ?? '';
      const abort = `/sys/fs/fuse/connections/${connection}/abort`;
      if (existsSync(abort)) writeFileSync(abort, '1');
      const { status } = spawnSync('umount', ['-i', '-l', this.path]);
      if (status !== 0) throw new Error(`cannot unmount ${this.path}`);
    }
    await until(() => this.hasEnded, 'the end of a killed mount');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cyrus-backups-mount-'));
  mkdirSync(join(folder, 'mnt'));
  return folder;
}

export interface Outcome {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs?: number } = {},
): Promise<Outcome> {
  const settings = { cwd: options.cwd, timeout: options.timeoutMs ?? ABORT_AFTER_MS, maxBuffer: 1 << 26 };
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  return new Promise((resolve) => {
    execFile(command, args, { ...settings, env, killSignal: 'SIGKILL' }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : (error.code ?? error.signal ?? 'failed'), stdout, stderr }),
    );
  });
}

export async function until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * The topmost mount at a path. It is read from the kernel's table, because accessing the mount
 * itself could hang.
 */
function deviceAt(path: string): string | undefined {
  const table = parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1'));
  return table.findLast(({ mountpoint }) => mountpoint === path)?.device;
}
