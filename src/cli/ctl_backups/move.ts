/** `ctl_backups move BACKUP PARTITION`: moves one backup to a partition (backuppartition-NAME). */
import { join } from 'node:path';
import { moveBackup as moveFiles } from '../../backup/admin/move.ts';
import { backupFileOf } from '../../catalog/backupFiles.ts';
import { Catalog } from '../../catalog/catalog.ts';
import { hashLetter } from '../../catalog/partitions.ts';
import { BackupError } from '../../errors.ts';
import { writableCatalog } from '../../catalog/catalogOptions.ts';
import { notFound, notFoundCode } from '../common/select.ts';
import type { Target } from '../common/select.ts';
import { reporting } from './command.ts';
import type { CtlIo, CtlOptions } from './command.ts';
import { Progress } from './run/progress.ts';

/** Returns the exit code. */
export async function moveBackup(
  target: Target,
  partition: string,
  options: CtlOptions,
  io: CtlIo,
): Promise<number> {
  const { config } = options;
  const directory =
    config.backuppartitions.get(partition.toLowerCase()) ?? config.backuppartitions.get(partition);
  if (directory === undefined) {
    throw new BackupError('config', `${config.file}: there is no backuppartition-${partition}`);
  }
  const catalog = Catalog.open(writableCatalog(config));
  const progress = io.stderr.isTTY === true && !options.isJson ? new Progress('move', io) : null;
  try {
    const { path } = target;
    const userid = target.userid ?? [...catalog.list()].find((entry) => entry.path === path)?.userid;
    if (path === null || userid === undefined) {
      io.stderr.write(notFound(target));
      return notFoundCode(target);
    }
    // The hash letter comes from the file's name, which a renamed user's backup keeps. So a second
    // move looks for copies in the folder that the first one used.
    const letter = hashLetter(backupFileOf(path)?.userid ?? userid, config.fulldirhash);
    const found = { ...target, userid, path };
    const own = progress?.of(found, io) ?? io;
    const outcome = await reporting('move', found, options, own, async (print) => {
      await moveFiles({
        catalog,
        userid,
        folder: join(directory, letter),
        otherFolders: [...config.backuppartitions.values()].map((other) => join(other, letter)),
        lock: options.waitsForLocks ? { wait: {} } : {},
        notice: print,
        ...(own.onProgress === undefined ? {} : { onProgress: own.onProgress }),
      });
      return null;
    });
    return outcome.exitCode;
  } finally {
    progress?.clear();
    catalog.close();
  }
}
