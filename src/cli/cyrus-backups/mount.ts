/**
 * `cyrus-backups mount -C imapd.conf MOUNTPOINT [-o OPTIONS] [--foreground]`: shows all backed-up
 * mail as a read-only file system.
 *
 * Without --foreground it returns once the file system is mounted, and leaves a background process
 * that serves it. Only that process loads the modules of the mount.
 */
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import { isBackgroundProcess, mountInBackground, reportToStarter } from '../../../mount/lifecycle/daemon.ts';
import type { SignalWatch } from '../../../mount/lifecycle/mount.ts';
import { parseMountOptions } from '../../../mount/options.ts';
import type { MountOptions } from '../../../mount/options.ts';
import type { TreeSource } from '../../../mount/vfs/tree.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import type { CliIo } from '../common/io.ts';
import { runProgram } from '../common/run.ts';
import { feedWatchdog, tellSupervisor } from '../common/supervisor.ts';
import { mountProgram } from './programs/mount.ts';

/** Makes the source of the tree to show from the configuration's path and the mount's options. */
export type TreeSourceOf = (configPath: string, options: MountOptions) => TreeSource;

export interface MountRequest {
  readonly config: string;
  readonly mountpoint: string;
  /** The arguments of -o. */
  readonly mountOptions: readonly string[];
  readonly inForeground: boolean;
}

export function mountRequest({ values, operands }: Parsed<(typeof mountProgram)['options']>): MountRequest {
  const { config, mountOptions, foreground } = values;
  return { config, mountpoint: operands[0] ?? '', mountOptions, inForeground: foreground };
}

/** Resolves to the exit code. `argv` holds the arguments after `mount`. */
export function runMount(argv: readonly string[], io: CliIo, treeSourceOf: TreeSourceOf): Promise<number> {
  return runProgram(mountProgram, argv, io, (parsed) => mountTree(mountRequest(parsed), io, treeSourceOf));
}

export async function mountTree(
  { config, mountpoint, mountOptions, inForeground }: MountRequest,
  io: Pick<CliIo, 'stderr'>,
  treeSourceOf: TreeSourceOf,
): Promise<number> {
  const log = (line: string): void => void io.stderr.write(`${line}\n`);
  let signals: SignalWatch | undefined;
  try {
    const options = parseMountOptions(mountOptions);
    const tree = treeSourceOf(config, options);
    if (!inForeground && !isBackgroundProcess()) {
      return await mountInBackground(options.logFile, log);
    }
    const { SignalWatch, startMount } = await import('../../../mount/lifecycle/mount.ts');
    signals = new SignalWatch(log);
    const running = await startMount(mountpoint, tree, options, log);
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
