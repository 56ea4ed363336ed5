/**
 * An empty Debian in a folder, with systemd running in namespaces of its own: processes, mounts, and
 * a network that has loopback alone. build/chroot has the scripts that make, boot and enter it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { run } from './machine.ts';
import type { Outcome } from './machine.ts';

const SCRIPTS = fileURLToPath(new URL('../../../build/chroot/', import.meta.url));
/** A mirror, a disk and two busy processors may take this long. */
const MAKE_MS = 600_000;

export class DebianRoot {
  readonly path: string;
  readonly #folder: string;
  #boot: ChildProcess | undefined;
  #pid = '';

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'root');
  }

  /** Makes the root. A package that begins with + is only downloaded, with what it needs. */
  static async make(suite: string, packages: readonly string[]): Promise<DebianRoot> {
    const root = new DebianRoot(mkdtempSync(join(tmpdir(), `${suite}-`)));
    const { code, stderr } = await run(join(SCRIPTS, 'make.sh'), [suite, root.path, ...packages], {
      timeoutMs: MAKE_MS,
    });
    if (code === 0) return root;
    await root.close();
    throw new Error(`cannot make a root of ${suite}: ${stderr}`);
  }

  /** Starts systemd in the root. */
  async boot(): Promise<void> {
    const child = spawn(join(SCRIPTS, 'boot.sh'), [this.path], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#boot = child;
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    const [line] = (await Promise.race([once(child.stdout, 'data'), once(child, 'close')])) as [
      Buffer | number | null,
    ];
    const pid = /^booted (\d+)/.exec(String(line))?.[1];
    if (pid === undefined) throw new Error(`cannot boot the root: ${said}`);
    this.#pid = pid;
  }

  /** Runs lines of a shell in the booted root; in one that is not booted, by chroot(8). */
  sh(lines: string): Promise<Outcome> {
    const shell = ['bash', '-e', '-s'];
    const inRoot =
      this.#pid === ''
        ? run('chroot', [this.path, 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...shell], {
            input: lines,
            timeoutMs: MAKE_MS,
          })
        : run(join(SCRIPTS, 'enter.sh'), [this.#pid, ...shell], { input: lines, timeoutMs: MAKE_MS });
    return inRoot;
  }

  /** Runs lines that must succeed, and returns what they print. */
  async ok(lines: string): Promise<string> {
    const { code, stdout, stderr } = await this.sh(lines);
    if (code !== 0) throw new Error(`${lines}\nended with ${code}:\n${stdout}${stderr}`);
    return `${stdout}${stderr}`;
  }

  async close(): Promise<void> {
    const child = this.#boot;
    if (child !== undefined && child.exitCode === null) {
      const closed = once(child, 'close');
      child.stdin?.end();
      await closed;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
