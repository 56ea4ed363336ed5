/**
 * `ctl_backups delete`: removes one backup and all files beside it. Asks for confirmation on a
 * terminal, unless -F is given.
 */
import { createInterface } from 'node:readline';
import { backupFileOf } from '../../catalog/backupFiles.ts';
import { Catalog } from '../../catalog/catalog.ts';
import { removeBackup, strayFiles } from '../../backup/admin/remove.ts';
import { lastWritten } from '../../backup/admin/backupStats.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { writableCatalog } from '../../catalog/catalogOptions.ts';
import { TRY_AGAIN, worse } from '../common/exitCodes.ts';
import { usageError } from '../common/run.ts';
import { notFound, notFoundCode } from '../common/select.ts';
import type { FoundTarget, Target } from '../common/select.ts';
import { humanSize, localTime, textOf } from '../common/text.ts';
import { failed, reporting } from './command.ts';
import type { CtlIo, CtlOptions } from './command.ts';
import { retentionRules } from '../../config/retentionRules.ts';

/** Returns the exit code. */
export async function deleteBackup(target: Target, options: CtlOptions, io: CtlIo): Promise<number> {
  const catalog = Catalog.open(writableCatalog(options.config));
  try {
    const found = doomed(catalog, target, options);
    if (found.length === 0) {
      io.stderr.write(notFound(target));
      return notFoundCode(target);
    }
    let exitCode = 0;
    for (const each of found) {
      if (!options.isForced && !(await isConfirmed(each, io))) {
        io.stderr.write(`${target.label}: not deleted\n`);
        return TRY_AGAIN;
      }
      const lock = options.waitsForLocks ? { wait: {} } : {};
      const outcome = await reporting('delete', each, options, io, async () => {
        const hold = each.userid === null ? null : retentionRules(options.config).holdOf(each.userid);
        if (hold !== null) return failed('refused', `it is on hold${hold === '' ? '' : `: ${hold}`}`);
        await removeBackup(catalog, each.userid, each.path, lock);
        return null;
      });
      exitCode = worse(exitCode, outcome.exitCode);
    }
    return exitCode;
  } finally {
    catalog.close();
  }
}

/**
 * Returns the files to delete: all files of the named backup, or the files that an interrupted
 * delete has left.
 */
function doomed(catalog: Catalog, target: Target, { config }: CtlOptions): FoundTarget[] {
  const { userid, path } = target;
  if (userid === null && path !== null) {
    if (backupFileOf(path)?.role !== 'data') throw usageError(`${path}: not the name of a data file`);
    const owner = [...catalog.list()].find((entry) => entry.path === path)?.userid ?? null;
    return [{ ...target, userid: owner, path }];
  }
  if (userid === null || target.fault !== undefined) return [];
  if (path !== null) return [{ ...target, path }];
  const strays = strayFiles(catalog, userid, config.backuppartitions.values());
  return strays.map((stray) => ({ userid: null, path: stray, label: stray }));
}

async function isConfirmed(target: FoundTarget, io: CtlIo): Promise<boolean> {
  if (io.stdin === undefined) return false;
  const answer = textOf(target.userid ?? '') || target.path;
  io.stderr.write(`${answer}: ${describe(target.path)}\nType ${answer} again to delete it for good: `);
  for await (const line of createInterface({ input: io.stdin })) return line.trim() === answer;
  return false;
}

function describe(path: string): string {
  try {
    const { sizeBytes, lastTime } = lastWritten(path);
    return `${humanSize(sizeBytes)}, last written ${lastTime === null ? 'never' : localTime(lastTime)}, ${path}`;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return messageOf(error);
  }
}
