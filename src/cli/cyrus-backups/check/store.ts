/**
 * Checks the store: backups.db, its entries against the files on the partitions, and the times of
 * the newest backups. Nothing in the store is opened through a link, and nothing is changed.
 */
import type { FileStats } from '../../../fs/disk/disk.ts';
import { indexPath } from '../../../backup/options.ts';
import { isInFuture } from '../../../backup/clock.ts';
import { isOrphan } from '../../../backup/admin/reconstruct.ts';
import { looksLikeDataFile } from '../../../backup/admin/fileContent.ts';
import { filesBelow } from '../../../catalog/backupFiles.ts';
import { Catalog } from '../../../catalog/catalog.ts';
import { requireBackupDatabase } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../../errors.ts';
import { lastTimestamp } from '../../../index/queries/timestamps.ts';
import { IndexFile } from '../../../index/store/indexFile.ts';
import { timestampText } from '../../../mailbox/timestamp.ts';
import { readOnlyCatalog } from '../../../catalog/catalogOptions.ts';
import { textOf } from '../../common/text.ts';
import { isOpenToOthers, lstatOf } from '../../../fs/inspect/look.ts';
import { failure, namedFew, ok, warning } from './finding.ts';
import type { Finding } from './finding.ts';
import type { Account } from './folders.ts';

const CATALOGUE = 'catalogue';
const BACKUPS = 'backups';
const RECONSTRUCT = 'ctl_backups -n reconstruct says what it would do about it';
/** The number of newest data files whose last line is compared with the clock. */
const NEWEST = 16;
const STALE_S = 86_400;
/** Larger indexes are not opened: see lastLineOf. */
const PEEKED_BYTES = 512 * 1024;

export function checkStore(config: Config, account: Account): Finding[] {
  const path = requireBackupDatabase(config);
  const there = lstatOf(path);
  if (there === undefined) return [...unnamedFiles(config, new Set()), noCatalogue(path)];
  try {
    const catalog = Catalog.open(readOnlyCatalog(config));
    try {
      return checkCatalog(catalog, config, account, there);
    } finally {
      catalog.close();
    }
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const cure =
      error.kind === 'permission'
        ? `run the check as root or as ${account.name}`
        : 'stop backupd and run ctl_backups reconstruct';
    return [failure(CATALOGUE, { where: path, message: withoutCure(messageOf(error)), cure })];
  }
}

const withoutCure = (message: string): string => message.replace(/: stop backupd and run .*$/, '');

function noCatalogue(path: string): Finding {
  return ok(CATALOGUE, path, 'not there yet: backupd makes it when the first user is replicated');
}

function checkCatalog(catalog: Catalog, config: Config, account: Account, there: FileStats): Finding[] {
  const path = requireBackupDatabase(config);
  const problems = catalog.checkConsistency();
  if (problems.length > 0) {
    const cure = 'stop backupd and run ctl_backups reconstruct';
    return [failure(CATALOGUE, { where: path, message: `damaged: ${problems[0]}`, cure })];
  }
  const entries = new Entries(account);
  for (const { userid, path: file, fault } of catalog.list()) entries.add(textOf(userid), file, fault);
  const foreign = there.uid === account.uid ? [] : [foreignOwner(path, there.uid, account)];
  const findings = [...foreign, ...entries.findings(), ...unnamedFiles(config, entries.paths)];
  const isWell = findings.length === 0;
  return [
    ...(isWell ? [ok(CATALOGUE, path, `${entries.paths.size} backups, each with its data file`)] : findings),
    ...checkClock(entries.newest),
  ];
}

function foreignOwner(where: string, uid: number, { name }: Account): Finding {
  const message = `it belongs to uid ${uid}, and not to ${name}`;
  return failure(CATALOGUE, { where, message, cure: `chown ${name} ${where}` });
}

interface Written {
  readonly path: string;
  readonly mtimeMs: number;
}

/** Collects what is wrong with the entries of backups.db, so that each kind is reported once. */
class Entries {
  readonly paths = new Set<string>();
  readonly #account: Account;
  readonly #faults: string[] = [];
  readonly #missing: string[] = [];
  readonly #noFiles: string[] = [];
  readonly #foreign: string[] = [];
  readonly #open: string[] = [];
  #newest: Written[] = [];

  constructor(account: Account) {
    this.#account = account;
  }

  /** The data files that were written last. */
  get newest(): readonly Written[] {
    return this.#newest;
  }

  add(userid: string, path: string, fault: string | null): void {
    if (fault !== null) {
      this.#faults.push(userid);
      return;
    }
    this.paths.add(path);
    const stats = lstatOf(path);
    if (stats === undefined) this.#missing.push(userid);
    else if (!stats.isFile() || !isDataFile(path)) this.#noFiles.push(userid);
    else {
      if (this.#account.uid !== 0 && stats.uid !== this.#account.uid) this.#foreign.push(userid);
      if (isOpenToOthers(stats)) this.#open.push(userid);
      this.#newest.push({ path, mtimeMs: stats.mtimeMs });
      if (this.#newest.length > 2 * NEWEST) {
        this.#newest = this.#newest.toSorted((a, b) => b.mtimeMs - a.mtimeMs).slice(0, NEWEST);
      }
    }
  }

  findings(): Finding[] {
    const { name } = this.#account;
    const say = (users: readonly string[], message: string, cure: string): Finding[] =>
      users.length === 0 ? [] : [failure(CATALOGUE, { where: namedFew(users), message, cure })];
    return [
      ...say(this.#faults, 'the entry leads outside the partitions, or is no userid', RECONSTRUCT),
      ...say(
        this.#missing,
        'the data file is not there',
        'mount its partition, or put the file back; see "When a data file is gone" in docs/guide/operations.md',
      ),
      ...say(
        this.#noFiles,
        'the data file cannot be read, or does not begin as one',
        'run ctl_backups verify for these users, and look at the disk',
      ),
      ...say(this.#foreign, `the data file does not belong to ${name}`, `chown -R ${name} the partitions`),
      ...(this.#open.length === 0
        ? []
        : [
            warning(CATALOGUE, {
              where: namedFew(this.#open),
              message: 'other accounts may read or write the data file',
              cure: 'chmod 0600 the data files of these users',
            }),
          ]),
    ];
  }
}

function isDataFile(path: string): boolean {
  try {
    return looksLikeDataFile(path);
  } catch (error) {
    if (error instanceof BackupError) return false;
    throw error;
  }
}

/** Reports data files that no entry names, and partitions that cannot be listed. */
function unnamedFiles(config: Config, named: ReadonlySet<string>): Finding[] {
  const unnamed: string[] = [];
  const findings: Finding[] = [];
  for (const partition of new Set(config.backuppartitions.values())) {
    if (lstatOf(partition) === undefined) continue; // reported with the folders
    try {
      for (const file of filesBelow(partition)) {
        if (
          typeof file !== 'string' &&
          file.role === 'data' &&
          !named.has(file.path) &&
          !isOrphan(file.path)
        ) {
          unnamed.push(file.path);
        }
      }
    } catch (error) {
      const cure = 'run the check as root, or as the account of backupd';
      findings.push(failure(CATALOGUE, { where: partition, message: messageOf(error), cure }));
    }
  }
  if (unnamed.length > 0) {
    const message = 'no entry of backups.db names this data file';
    findings.push(failure(CATALOGUE, { where: namedFew(unnamed), message, cure: RECONSTRUCT }));
  }
  return findings;
}

function checkClock(newest: readonly Written[]): Finding[] {
  const nowS = Math.floor(Date.now() / 1000);
  const times = newest
    .toSorted((a, b) => b.mtimeMs - a.mtimeMs)
    .slice(0, NEWEST)
    .map(({ path, mtimeMs }) => lastLineOf(path) ?? Math.floor(mtimeMs / 1000));
  if (times.length === 0) return [];
  const last = Math.max(...times);
  const where = timestampText(last);
  if (isInFuture(last, nowS)) {
    const message = `the newest line of the backups is in the future: the clock says ${timestampText(nowS)}`;
    const cure = 'set the clock; if it was ahead before, run ctl_backups retime -A';
    return [failure('clock', { where, message, cure })];
  }
  if (nowS - last > STALE_S) {
    const message = `nothing has been backed up for ${Math.floor((nowS - last) / STALE_S)} days, or the clock is ahead`;
    const cure = 'look at sync_client on the masters, and at the clock (timedatectl)';
    return [warning(BACKUPS, { where, message, cure })];
  }
  return [ok('clock', where, 'the newest line of the backups is not in the future')];
}

/**
 * Returns the time of the last line according to a small index that nobody writes to; undefined
 * otherwise. SQLite would create files beside an index with a write-ahead log.
 */
function lastLineOf(path: string): number | undefined {
  const index = indexPath(path);
  const isLarge = (lstatOf(index)?.size ?? 0) > PEEKED_BYTES;
  if (isLarge || (lstatOf(`${index}-wal`)?.size ?? 0) > 0) return undefined;
  try {
    const file = IndexFile.peek(index);
    try {
      return file === null ? undefined : (lastTimestamp(file) ?? undefined);
    } finally {
      file?.close();
    }
  } catch (error) {
    if (error instanceof BackupError) return undefined;
    throw error;
  }
}
