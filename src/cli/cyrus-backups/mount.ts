/**
 * `cyrus-backups mount -C imapd.conf MOUNTPOINT [-o OPTIONS] [--foreground]`: shows all backed-up
 * mail as a read-only file system.
 *
 * Without --foreground it returns once the file system is mounted, and leaves a background process
 * that serves it. Only that process loads the modules of the mount.
 */
import { parseArgs } from 'node:util';
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import { isBackgroundProcess, mountInBackground, reportToStarter } from '../../../mount/lifecycle/daemon.ts';
import type { SignalWatch } from '../../../mount/lifecycle/mount.ts';
import { parseMountOptions } from '../../../mount/options.ts';
import type { MountOptions } from '../../../mount/options.ts';
import type { TreeSource } from '../../../mount/vfs/tree.ts';
import { feedWatchdog, tellSupervisor } from '../common/supervisor.ts';

export interface MountIo {
  readonly stderr: { write(text: string): unknown };
}

/**
 * Makes the source of the tree to show from the configuration's path (undefined means the usual
 * path) and the mount's options.
 */
export type TreeSourceOf = (configPath: string | undefined, options: MountOptions) => TreeSource;

interface Arguments {
  readonly configPath: string | undefined;
  readonly mountpoint: string;
  readonly options: MountOptions;
  readonly inForeground: boolean;
}

/** Resolves to the exit code. `argv` holds the arguments after `mount`. */
export async function runMount(
  argv: readonly string[],
  io: MountIo,
  treeSourceOf: TreeSourceOf,
): Promise<number> {
  const log = (line: string): void => void io.stderr.write(`${line}\n`);
  let signals: SignalWatch | undefined;
  try {
    const parsed = parseArguments(argv);
    const tree = treeSourceOf(parsed.configPath, parsed.options);
    if (!parsed.inForeground && !isBackgroundProcess()) {
      return await mountInBackground(parsed.options.logFile, log);
    }
    const { SignalWatch, startMount } = await import('../../../mount/lifecycle/mount.ts');
    signals = new SignalWatch(log);
    const running = await startMount(parsed.mountpoint, tree, parsed.options, log);
    await reportToStarter({ type: 'ready' });
    tellSupervisor('READY=1');
    feedWatchdog();
    await signals.serveUntilEnd(running);
    return 0;
  } catch (error) {
    const message = `cyrus-backups mount: ${messageOf(error)}`;
    const exitCode = exitCodeOf[error instanceof BackupError ? error.kind : 'io'];
    log(message);
    await reportToStarter({ type: 'failed', message, exitCode });
    return exitCode;
  } finally {
    signals?.close();
  }
}

function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  const [mountpoint] = positionals;
  if (mountpoint === undefined || positionals.length > 1) {
    throw new BackupError(
      'usage',
      'give one mountpoint: mount -C imapd.conf MOUNTPOINT [-o OPTIONS] [--foreground]',
    );
  }
  const options = parseMountOptions(values.o ?? []);
  return { configPath: values.C, mountpoint, options, inForeground: values.foreground === true };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        C: { type: 'string', short: 'C' },
        o: { type: 'string', short: 'o', multiple: true },
        foreground: { type: 'boolean', short: 'f' },
      },
    });
  } catch (error) {
    throw new BackupError('usage', messageOf(error), { cause: error });
  }
}
