/**
 * Shared by the tests with real daemons: a folder of their own that user cyrus can reach, free
 * ports, and processes whose output is kept and which can be stopped reliably.
 */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Outcome {
  /** -1 if a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Buffer;
  /** The process is killed after this time; default 60,000. */
  readonly timeoutMs?: number;
}

export function makeFolder(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `cyrus-backups-${name}-`));
  chmodSync(path, 0o755);
  return path;
}

/**
 * Returns ports that were free just now. They differ, because all are held until the last one is
 * known.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Runs a command to its end. Both outputs are read as latin1: one character per byte. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('latin1').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('latin1').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => undefined); // it may end without reading
  child.stdin.end(options.input ?? '');
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return { code: code ?? -1, ...output };
  } finally {
    clearTimeout(timer);
  }
}

/** A process that keeps running, with all its output so far. */
export class Daemon {
  readonly child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = '';

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#closed = new Promise((resolve) => this.child.once('close', resolve));
    this.child.on('error', (error) => (this.#output += `${error.message}\n`));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('latin1').on('data', (text: string) => (this.#output += text));
    }
  }

  /** stdout and stderr, in order of arrival. */
  get output(): string {
    return this.#output;
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }

  /**
   * Resolves with the match as soon as the output matches. Throws, with the output, if the process
   * ends or takes too long.
   */
  async waitForOutput(pattern: RegExp, timeoutMs = 15_000): Promise<RegExpExecArray> {
    const found = await waitUntil(
      () => pattern.exec(this.#output) ?? (this.hasExited ? 'ended' : undefined),
      {
        timeoutMs,
        what: () => `no ${String(pattern)} in the output:\n${this.#output}`,
      },
    );
    if (found === 'ended') throw new Error(`ended without ${String(pattern)}:\n${this.#output}`);
    return found;
  }

  /** Sends the signal, and SIGKILL after the grace period. Resolves when the process is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 5000): Promise<void> {
    if (!this.hasExited) {
      this.child.kill(signal);
      await Promise.race([this.#closed, sleep(graceMs, undefined, { ref: false })]);
      if (!this.hasExited) this.child.kill('SIGKILL');
    }
    await this.#closed;
  }
}

export interface WaitOptions {
  readonly timeoutMs?: number;
  /** What was awaited, for the error message. */
  readonly what: () => string;
}

/** Calls the probe every 10 ms until it returns something other than undefined or false. */
export async function waitUntil<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 15_000, what }: WaitOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`after ${timeoutMs} ms: ${what()}`);
    await sleep(10);
  }
}
