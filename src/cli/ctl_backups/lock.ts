/**
 * `ctl_backups lock`: holds one backup's lock while something else works on its files:
 *
 * - -p: until standard input ends,
 * - -s: while sqlite3 is open on the index,
 * - -x: while a command runs.
 *
 * After taking the lock, ctl_backups updates the index to match the data file, as every writer
 * does. The output is the original tool's (cyrus-imapd backup/ctl_backups.c, lock_run_*). The exit
 * code is that of the command that -x ran; the original tool loses it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { Catalog } from '../../catalog/catalog.ts';
import { ownIds } from '../../fs/actAsOwner.ts';
import { disk } from '../../fs/disk/current.ts';
import { LockedFile } from '../../fs/lockedFile.ts';
import { openIndexForWriting } from '../../backup/openIndex.ts';
import { indexPath } from '../../backup/options.ts';
import { BackupError, asBackupError, exitCodeOf, messageOf } from '../../errors.ts';
import { writableCatalog } from '../../catalog/catalogOptions.ts';
import { SOFTWARE_FAILED } from '../common/exitCodes.ts';
import { notFound, notFoundCode } from '../common/select.ts';
import type { Target } from '../common/select.ts';
import { textOf } from '../common/text.ts';
import type { CtlIo, CtlOptions } from './command.ts';

export type LockMode =
  { readonly kind: 'pipe' | 'sqlite' } | { readonly kind: 'exec'; readonly command: string };

export interface LockOptions {
  readonly mode: LockMode;
  /** Creates the backup, which must not exist yet. */
  readonly isNew: boolean;
}

/** Returns the exit code. */
export async function lockBackup(
  target: Target,
  { mode, isNew }: LockOptions,
  options: CtlOptions,
  io: CtlIo,
): Promise<number> {
  if (target.path === null && (!isNew || target.fault !== undefined)) {
    io.stderr.write(notFound(target));
    return notFoundCode(target);
  }
  const name = target.userid === null ? target.label : textOf(target.userid);
  if (mode.kind === 'pipe') io.stdout.write(`* Trying to obtain lock on ${name}...\n`);
  else io.stderr.write(`trying to obtain lock on ${name}...\n`);
  let file: LockedFile;
  try {
    file = await lock(target, isNew, options);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const reason = messageOf(error);
    if (mode.kind === 'pipe') io.stdout.write(`NO failed (${reason})\n`);
    else io.stderr.write(`unable to lock ${name}: ${reason}\n`);
    return exitCodeOf[error.kind];
  }
  try {
    if (mode.kind === 'exec') return await execute('/bin/sh', ['-c', mode.command], file.path);
    if (mode.kind === 'sqlite') {
      io.stderr.write(`execlp: sqlite3 ${indexPath(file.path)}\n`);
      return await execute('sqlite3', [indexPath(file.path)], file.path);
    }
    io.stdout.write('OK locked\n');
    await ended(io.stdin);
    return 0;
  } finally {
    file.release();
  }
}

async function lock(target: Target, isNew: boolean, options: CtlOptions): Promise<LockedFile> {
  const path = isNew || target.path === null ? create(target, options) : target.path;
  const file = await LockedFile.acquire(path, {
    create: isNew && target.userid === null,
    ...(options.waitsForLocks ? { wait: {} } : {}),
  });
  try {
    (await openIndexForWriting(file, () => undefined)).close();
    return file;
  } catch (error) {
    file.release();
    throw error;
  }
}

/** Creates backups.db if it does not exist, for the first backup of a site. */
export function makeCatalog(config: CtlOptions['config']): void {
  Catalog.open(writableCatalog(config)).close();
}

function create({ userid, path, label }: Target, { config }: CtlOptions): string {
  if (path !== null && (userid !== null || disk.exists(path))) {
    throw new BackupError('bad-parameters', `${path} is there already`, { subject: label });
  }
  if (userid === null) return path as string;
  const catalog = Catalog.open(writableCatalog(config));
  try {
    return catalog.create(userid);
  } finally {
    catalog.close();
  }
}

/**
 * Runs a command as the account that called ctl_backups. Sets the same environment variables as the
 * original tool.
 */
async function execute(command: string, args: readonly string[], path: string): Promise<number> {
  const names = { ctl_backups_lock_data_fname: path, ctl_backups_lock_index_fname: indexPath(path) };
  const env = { ...process.env, ...names };
  const child = spawn(command, args, { stdio: 'inherit', env, ...ownIds() });
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? SOFTWARE_FAILED;
  } catch (error) {
    throw asBackupError(error, command);
  }
}

async function ended(stdin: Readable | undefined): Promise<void> {
  if (stdin === undefined || stdin.readableEnded) return;
  stdin.resume();
  await once(stdin, 'end');
}
