/**
 * Starts a mount and serves it until it is unmounted, either by umount(8) or by a signal to this
 * process. The first signal unmounts at once. If programs still use the mount, they are served
 * until they have closed it. A second signal ends the process without waiting for them.
 */
import { messageOf } from '../../src/errors.ts';
import { prepareMountpoint } from './mountpoint.ts';
import type { MountOptions } from '../options.ts';
import { chooseTransport } from './choose.ts';
import { SUBTYPE } from './transport.ts';
import type { RunningMount } from './transport.ts';
import type { TreeSource } from '../vfs/tree.ts';

type Log = (line: string) => void;

/**
 * Starts a mount. Resolves when the mount is in place. If that fails, throws a BackupError and
 * leaves nothing mounted.
 */
export async function startMount(
  path: string,
  tree: TreeSource,
  options: MountOptions,
  log: Log,
): Promise<RunningMount> {
  const { name, start } = chooseTransport(options.transport);
  const mountpoint = await prepareMountpoint(path, options.nonempty, tree.store ?? [], log);
  const { cacheBytes, threads, allowOther, nonempty } = options;
  const source = tree.source ?? SUBTYPE;
  const running = await start({ mountpoint, tree, source, cacheBytes, threads, allowOther, nonempty, log });
  log(`mount: ${mountpoint}: mounted, transport ${name}`);
  return running;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Handles signals. It is set up before the mount exists, so that no signal can end the process
 * without unmounting.
 */
export class SignalWatch {
  readonly #log: Log;
  #running: RunningMount | undefined;
  /** A signal that arrived before the mount existed. */
  #early: string | undefined;
  #isEnding = false;
  readonly #onSignal = (signal: string): void => this.#end(signal);

  constructor(log: Log) {
    this.#log = log;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** Resolves when the mount is gone. Rejects if serving the mount failed. */
  async serveUntilEnd(running: RunningMount): Promise<void> {
    this.#running = running;
    if (this.#early !== undefined) this.#end(this.#early);
    await running.ended;
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  #end(signal: string): void {
    if (this.#running === undefined) {
      this.#early = signal;
      return;
    }
    if (this.#isEnding) endAbruptly(`${signal} for the second time: ending while in use`, this.#log);
    this.#isEnding = true;
    this.#running.unmount().then(
      (how) =>
        this.#log(
          how === 'lazy'
            ? `mount: ${signal}: in use, serving until it is not`
            : `mount: ${signal}: unmounted`,
        ),
      (error: unknown) => {
        this.#isEnding = false;
        this.#log(`mount: ${signal}: ${messageOf(error)}`);
      },
    );
  }
}

/**
 * Ends the process by killing it. `process.exit` would wait for a thread that is blocked in a read.
 * When a process is killed, the kernel closes its descriptors.
 */
function endAbruptly(why: string, log: Log): void {
  log(`mount: ${why}`);
  process.kill(process.pid, 'SIGKILL');
}
