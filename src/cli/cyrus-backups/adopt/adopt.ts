/**
 * `cyrus-backups adopt`: takes over an installation of the original backupd in place. Without
 * --apply it only reads: it checks the configuration, and each entry of backups.db against its data
 * file, which it reads to its end.
 *
 * With --apply it verifies each backup and builds this project's index for it. backups.db and the
 * data files stay as they are. The originals' index of each backup is kept beside it, so that the
 * way back is a rename.
 */
import { BackupError, messageOf } from '../../../errors.ts';
import { contentOf } from '../../../backup/admin/fileContent.ts';
import { indexPath } from '../../../backup/options.ts';
import { verifyBackup } from '../../../backup/verify/verify.ts';
import type { Verification } from '../../../backup/verify/verify.ts';
import type { ListedEntry } from '../../../catalog/catalog.ts';
import { requireBackupDatabase } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { asOwnerOf } from '../../../fs/actAsOwner.ts';
import { lstatOf } from '../../../fs/inspect/look.ts';
import { LockedFile } from '../../../fs/lockedFile.ts';
import { setAside } from '../../../fs/setAside.ts';
import { IndexFile } from '../../../index/store/indexFile.ts';
import type { Parsed } from '../../common/commandLine/parse.ts';
import type { CliIo } from '../../common/io.ts';
import { TRY_AGAIN } from '../../common/exitCodes.ts';
import { runProgram } from '../../common/run.ts';
import { openCatalog, storeOf } from '../../common/select.ts';
import { textOf } from '../../common/text.ts';
import { checkConfiguration } from '../check/configuration.ts';
import { adoptProgram } from '../programs/adopt.ts';

/** How long to wait for a backup that another process has locked. */
const LOCK_TIMEOUT_MS = 10_000;

/** Resolves to the exit code. `argv` holds the arguments after `adopt`. */
export function runAdopt(argv: readonly string[], io: CliIo): Promise<number> {
  return runProgram(adoptProgram, argv, io, (parsed) => adoptInstallation(parsed, io));
}

/** Resolves to the exit code: 0, 75 if something is wrong with a backup, 78 configuration. */
export async function adoptInstallation(
  { values }: Parsed<(typeof adoptProgram)['options']>,
  io: CliIo,
): Promise<number> {
  const { config, findings } = checkConfiguration(values.config);
  for (const { level, where, message, cure } of findings) {
    if (level !== 'ok') io.stdout.write(`configuration: ${where}: ${message}: ${cure ?? ''}\n`);
  }
  if (config === undefined) throw new BackupError('config', `${values.config} cannot be used: see above`);
  return asOwnerOf(storeOf(config, 'all', []), async () => adoptAll(config, values.isApplied, io));
}

async function adoptAll(config: Config, isApplied: boolean, io: CliIo): Promise<number> {
  const database = requireBackupDatabase(config);
  const catalog = openCatalog(config);
  const kept: string[] = [];
  let [count, wrong] = [0, 0];
  try {
    const faults = catalog.checkConsistency();
    if (faults.length > 0) {
      const text = `${database} is damaged: ${faults[0]}: stop backupd and run ctl_backups reconstruct`;
      throw new BackupError('damaged', text, { subject: database });
    }
    for (const entry of catalog.list()) {
      count += 1;
      const said = await lookAt(entry, config, isApplied, kept);
      if (said.isWrong) wrong += 1;
      io.stdout.write(`${textOf(entry.userid)}: ${said.text}\n`);
    }
  } finally {
    catalog.close();
  }
  io.stdout.write(summary({ config, count, wrong, isApplied, kept }));
  return wrong === 0 ? 0 : TRY_AGAIN;
}

interface Said {
  readonly text: string;
  readonly isWrong: boolean;
}

async function lookAt(entry: ListedEntry, config: Config, isApplied: boolean, kept: string[]): Promise<Said> {
  const { userid, path, fault } = entry;
  if (fault !== null) return { text: fault, isWrong: true };
  try {
    const stats = lstatOf(path);
    if (stats === undefined) return { text: `the data file is not there: ${path}`, isWrong: true };
    if (isApplied) return await adoptOne(path, kept);
    const content = contentOf(path, stats.size, config.deletedprefix);
    if (content.userid !== null && content.userid !== userid) {
      return { text: `${path} holds mailboxes of ${textOf(content.userid)}`, isWrong: true };
    }
    return { text: `${path}, ${stats.size} bytes: would get an index${whatIsKept(path)}`, isWrong: false };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { text: messageOf(error), isWrong: true };
  }
}

function whatIsKept(path: string): string {
  return hasForeignIndex(path) ? '; the original one would be kept' : '';
}

/** Reports whether there is an index that is not this project's. */
function hasForeignIndex(path: string): boolean {
  if (lstatOf(indexPath(path)) === undefined) return false;
  const index = IndexFile.peek(indexPath(path));
  index?.close();
  return index === null;
}

async function adoptOne(path: string, kept: string[]): Promise<Said> {
  const file = await LockedFile.acquire(path, { wait: { timeoutMs: LOCK_TIMEOUT_MS } });
  try {
    let note = '';
    if (hasForeignIndex(path)) {
      const aside = setAside(indexPath(path));
      kept.push(aside);
      note = `; the original index is kept as ${aside}`;
    }
    const faults = faultsOf(await verifyBackup(file, () => undefined));
    if (faults.length === 0) return { text: `verified, and indexed${note}`, isWrong: false };
    return { text: `indexed${note}; but: ${faults.slice(0, 5).join('; ')}`, isWrong: true };
  } finally {
    file.release();
  }
}

function faultsOf({ chunks, index, missing, clock }: Verification): string[] {
  const ofChunks = chunks.flatMap(({ id, checksums, messages }) => [
    ...checksums,
    ...messages.map(({ guid }) => `guid mismatch for message ${guid} in chunk ${id}`),
  ]);
  return [...ofChunks, ...index, ...missing, ...clock];
}

interface Summary {
  readonly config: Config;
  readonly count: number;
  readonly wrong: number;
  readonly isApplied: boolean;
  readonly kept: readonly string[];
}

function summary({ config, count, wrong, isApplied, kept }: Summary): string {
  const counts = `${count} backups, ${wrong} with something wrong\n`;
  if (!isApplied) {
    return `${counts}Nothing was changed. Stop the original backupd, then run: cyrus-backups adopt -C ${config.file} --apply\n`;
  }
  return (
    `${counts}backups.db and the data files are as they were; ${kept.length} original indexes are kept.\n` +
    `Next: set a password with cyrus-backups passwd -C ${config.file} USER, and start backupd.\n` +
    `To go back: stop backupd, and run the original ctl_backups -C ${config.file} reindex -A, or, where\n` +
    `nothing has been backed up since, rename each kept NAME.index.TIME to NAME.index.\n`
  );
}
