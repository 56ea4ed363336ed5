/**
 * `ctl_backups [options] COMMAND [mode] backup...`: administration of backups, with the options, output and exit codes of the
 * originals' tool (cyrus-imapd backup/ctl_backups.c), and those commands of it that were never written. Each backup
 * is served by itself: one that cannot be is reported, and the others follow, unless -S is given.
 *
 * Only the command's own modules are loaded: most of what a short one takes is starting.
 */
import { BackupError } from '../errors.ts';
import { loadConfig } from '../config/imapdConf.ts';
import { asOwnerOf } from '../fs/actAsOwner.ts';
import { BACKUP_FAILED, guarded, runInProcess } from './commonRun.ts';
import { selectTargets, storeOf } from './commonSelect.ts';
import type { Target } from './commonSelect.ts';
import { interpret, USAGE } from './ctlBackupsArguments.ts';
import type { Arguments } from './ctlBackupsArguments.ts';
import type { CtlIo, CtlOptions } from './ctlBackupsCommand.ts';

export function main(args: string[]): Promise<number> {
  return runInProcess(runCtlBackups, args);
}

/** Resolves to the exit code: 0, 64 usage, 75 where a backup was locked, skipped or failed, 78 configuration. */
export function runCtlBackups(argv: readonly string[], io: CtlIo): Promise<number> {
  return guarded('ctl_backups', USAGE, io, () => {
    const parsed = interpret(argv);
    // Root may be the only one who can read the configuration.
    const options = { ...parsed.options, config: loadConfig(parsed.config) };
    return asOwnerOf(storeOf(options.config, parsed.mode, parsed.names), () => run(parsed, options, io));
  });
}

async function run(parsed: Arguments, options: CtlOptions, io: CtlIo): Promise<number> {
  const { command, mode, names } = parsed;
  const one = (): Target => {
    const [target] = [...selectTargets(options.config, mode, names.slice(0, 1))];
    if (target === undefined) throw new BackupError('not-found', 'a backup is expected');
    return target;
  };
  switch (command) {
    case 'lock':
      return (await import('./ctlBackupsLock.ts')).lockBackup(one(), parsed.lock, options, io);
    case 'move':
      return (await import('./ctlBackupsMove.ts')).moveBackup(one(), names[1] ?? '', options, io);
    case 'delete':
      return (await import('./ctlBackupsDelete.ts')).deleteBackup(one(), options, io);
    case 'rename':
      return (await import('./ctlBackupsRename.ts')).renameBackup(one(), names[1] ?? '', options, io);
    case 'reconstruct':
      return (await import('./ctlBackupsReconstruct.ts')).reconstructCatalog(parsed.isDryRun, options, io);
    case 'retention':
      return (await import('./ctlBackupsRetention.ts')).changeRetention(names, options, io);
    case 'hold':
      return (await import('./ctlBackupsRetention.ts')).holdBackup(names, options, io);
    case 'release':
      return (await import('./ctlBackupsRetention.ts')).releaseBackup(names, options, io);
    case 'list':
    case 'stat': {
      const { lookAtEach } = await import('./ctlBackupsLook.ts');
      return (await lookAtEach(command, parsed, options, io)) ? 0 : BACKUP_FAILED;
    }
    default: {
      const { eachBackup } = await import('./ctlBackupsEach.ts');
      return (await eachBackup(command, parsed, options, io)) ? 0 : BACKUP_FAILED;
    }
  }
}
