/**
 * `ctl_backups [options] COMMAND [mode] backup...`: administration of backups, with the options, output and exit codes of the
 * originals' tool (cyrus-imapd backup/ctl_backups.c), and those commands of it that were never written. Each backup
 * is served by itself: one that cannot be is reported, and the others follow, unless -S is given.
 */
import { BackupError } from '../errors.ts';
import { loadConfig } from '../config/imapdConf.ts';
import { BACKUP_FAILED, guarded, runInProcess } from './commonRun.ts';
import { selectTargets } from './commonSelect.ts';
import type { Target } from './commonSelect.ts';
import { interpret, USAGE } from './ctlBackupsArguments.ts';
import type { Arguments } from './ctlBackupsArguments.ts';
import type { CtlIo, CtlOptions } from './ctlBackupsCommand.ts';
import { deleteBackup } from './ctlBackupsDelete.ts';
import { eachBackup } from './ctlBackupsEach.ts';
import { lockBackup } from './ctlBackupsLock.ts';
import { moveBackup } from './ctlBackupsMove.ts';
import { reconstructCatalog } from './ctlBackupsReconstruct.ts';
import { renameBackup } from './ctlBackupsRename.ts';
import { changeRetention, holdBackup, releaseBackup } from './ctlBackupsRetention.ts';

export function main(args: string[]): Promise<number> {
  return runInProcess(runCtlBackups, args);
}

/** Resolves to the exit code: 0, 64 usage, 75 where a backup was locked, skipped or failed, 78 configuration. */
export function runCtlBackups(argv: readonly string[], io: CtlIo): Promise<number> {
  return guarded('ctl_backups', USAGE, io, () => {
    const parsed = interpret(argv);
    return run(parsed, { ...parsed.options, config: loadConfig(parsed.config) }, io);
  });
}

function run(parsed: Arguments, options: CtlOptions, io: CtlIo): Promise<number> {
  const { command, mode, names } = parsed;
  const one = (): Target => {
    const [target] = [...selectTargets(options.config, mode, names.slice(0, 1))];
    if (target === undefined) throw new BackupError('not-found', 'a backup is expected');
    return target;
  };
  switch (command) {
    case 'lock':
      return lockBackup(one(), parsed.lock, options, io);
    case 'move':
      return moveBackup(one(), names[1] ?? '', options, io);
    case 'delete':
      return deleteBackup(one(), options, io);
    case 'rename':
      return renameBackup(one(), names[1] ?? '', options, io);
    case 'reconstruct':
      return reconstructCatalog(parsed.isDryRun, options, io);
    case 'retention':
      return Promise.resolve(changeRetention(names, options, io));
    case 'hold':
      return Promise.resolve(holdBackup(names, options, io));
    case 'release':
      return Promise.resolve(releaseBackup(names, options, io));
    default:
      return eachBackup(command, parsed, options, io).then((isWell) => (isWell ? 0 : BACKUP_FAILED));
  }
}
