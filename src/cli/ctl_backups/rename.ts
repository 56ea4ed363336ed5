/**
 * `ctl_backups rename OLD NEW`: assigns one user's backup, with all its history, to another userid.
 * The data file keeps its name, because backups.db records the owner
 * (docs/decisions/0010-names-of-data-files.md).
 */
import { Catalog } from '../../catalog/catalog.ts';
import { isValidUserid } from '../../mailbox/names.ts';
import { writableCatalog } from '../../catalog/catalogOptions.ts';
import { usageError } from '../common/run.ts';
import { notFound, notFoundCode } from '../common/select.ts';
import type { Target } from '../common/select.ts';
import { bytesOf } from '../common/text.ts';
import type { CtlIo, CtlOptions } from './command.ts';
import { underLock } from './run/underLock.ts';

/** Returns the exit code. */
export async function renameBackup(
  target: Target,
  name: string,
  options: CtlOptions,
  io: CtlIo,
): Promise<number> {
  const { userid, path } = target;
  const renamed = bytesOf(name);
  if (!isValidUserid(renamed))
    throw usageError(
      `not a userid: ${JSON.stringify(name)}: it may not hold slashes, blanks or control characters`,
    );
  if (path === null || userid === null) {
    io.stderr.write(notFound(target));
    return notFoundCode(target);
  }
  const catalog = Catalog.open(writableCatalog(options.config));
  try {
    // The lock keeps backupd from writing for the old userid during the rename.
    const outcome = await underLock('rename', { ...target, path }, options, io, () => {
      catalog.rename(userid, renamed);
      return Promise.resolve(null);
    });
    return outcome.exitCode;
  } finally {
    catalog.close();
  }
}
