/**
 * Starts a mount and keeps it until it is taken away, from outside (umount) or by a signal. A signal takes it
 * away at once; where it is in use those who use it are served until they are done, and a second signal
 * ends that too.
 */
import { messageOf } from '../src/errors.ts';
import { prepareMountpoint } from './mountpoint.ts';
import type { MountOptions } from './options.ts';
import { chooseTransport } from './transports/choose.ts';
import type { RunningMount } from './transports/transport.ts';
import type { TreeSource } from './tree.ts';

type Log = (line: string) => void;

/** Resolves when the mount is in place. Throws a BackupError with nothing mounted. */
export async function startMount(
  path: string,
  tree: TreeSource,
  options: MountOptions,
  log: Log,
): Promise<RunningMount> {
  const { name, start } = chooseTransport(options.transport);
  const mountpoint = await prepareMountpoint(path, options.nonempty, log);
  const { cacheBytes, allowOther, nonempty } = options;
  const running = await start({ mountpoint, tree, cacheBytes, allowOther, nonempty, log });
  log(`mount: ${mountpoint}: mounted, transport ${name}`);
  return running;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Resolves when the mount is gone; rejects if it broke down. Owns the process's signals meanwhile. */
export async function serveUntilEnd(running: RunningMount, log: Log): Promise<void> {
  let isEnding = false;
  const end = (signal: string): void => {
    if (isEnding) endAbruptly(`${signal} for the second time: ending while in use`, log);
    isEnding = true;
    running.unmount().then(
      (how) =>
        log(
          how === 'lazy'
            ? `mount: ${signal}: in use, serving until it is not`
            : `mount: ${signal}: unmounted`,
        ),
      (error: unknown) => {
        isEnding = false;
        log(`mount: ${signal}: ${messageOf(error)}`);
      },
    );
  };
  for (const signal of SIGNALS) process.on(signal, end);
  try {
    await running.ended;
  } finally {
    for (const signal of SIGNALS) process.off(signal, end);
  }
}

/** process.exit would wait for a thread that is blocked in a read; the kernel cleans up after a kill. */
function endAbruptly(why: string, log: Log): void {
  log(`mount: ${why}`);
  process.kill(process.pid, 'SIGKILL');
}
