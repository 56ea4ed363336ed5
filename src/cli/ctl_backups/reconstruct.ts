/**
 * `ctl_backups reconstruct`: makes backups.db agree with the files on the partitions, and reports
 * every file that it does not recognize. Renames a backups.db that cannot be read, and makes a new
 * one.
 */
import { applyReconstruct } from '../../backup/admin/reconstructApply.ts';
import { planReconstruct } from '../../backup/admin/reconstruct.ts';
import type { Finding } from '../../backup/admin/reconstruct.ts';
import { filesBelow } from '../../catalog/backupFiles.ts';
import type { BackupFile } from '../../catalog/backupFiles.ts';
import { Catalog } from '../../catalog/catalog.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import { asideName, setAside } from '../../fs/setAside.ts';
import { readOnlyCatalog, writableCatalog } from '../../catalog/catalogOptions.ts';
import { writeJson } from '../common/json.ts';
import { textOf } from '../common/text.ts';
import type { CtlIo, CtlOptions } from './command.ts';

/** Returns the exit code: 65 if something needs an administrator's attention. */
export async function reconstructCatalog(isDryRun: boolean, options: CtlOptions, io: CtlIo): Promise<number> {
  const { config } = options;
  writableCatalog(config);
  const { entries, faults } = readEntries(config, isDryRun, io);
  const findings = planReconstruct(allFiles(config), entries, config.deletedprefix, faults);
  const isForced = options.isForced && !isDryRun;
  let failures: ReadonlyMap<Finding, string> = new Map();
  if (!isDryRun) {
    const catalog = Catalog.open(writableCatalog(config));
    try {
      failures = await applyReconstruct(catalog, findings, isForced);
    } finally {
      catalog.close();
    }
  }
  let isWell = true;
  for (const finding of findings) {
    const failure = failures.get(finding);
    const { status, isWrong } =
      failure === undefined
        ? inWords(finding, isForced, isDryRun)
        : { status: `failed (${failure})`, isWrong: true };
    isWell &&= !isWrong;
    const userid = 'userid' in finding ? textOf(finding.userid) : undefined;
    if (finding.kind === 'kept' && options.verbosity === 0 && !options.isJson) continue;
    if (options.isJson) writeJson(io, { command: 'reconstruct', userid, fname: finding.path, status });
    else io.stdout.write(`reconstruct ${userid ?? finding.path}: ${status}\n`);
  }
  return isWell ? 0 : exitCodeOf.damaged;
}

interface Entries {
  readonly entries: ReadonlyMap<string, string>;
  /** Maps a userid to the reason why its entry must not be followed. */
  readonly faults: ReadonlyMap<string, string>;
}

const NONE: Entries = { entries: new Map(), faults: new Map() };

/**
 * Reads the entries of backups.db. Returns none if the file does not exist or cannot be read from
 * end to end.
 */
function readEntries(config: Config, isDryRun: boolean, io: CtlIo): Entries {
  try {
    return entriesOf(config);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    if (error.kind === 'not-found') return NONE;
    if (error.kind !== 'damaged') throw error;
    const path = writableCatalog(config).databasePath;
    const aside = isDryRun ? asideName(path) : setAside(path);
    io.stderr.write(`${messageOf(error)}; ${isDryRun ? 'it would be' : 'it is'} kept as ${aside}\n`);
    return NONE;
  }
}

function entriesOf(config: Config): Entries {
  const entries = new Map<string, string>();
  const faults = new Map<string, string>();
  const catalog = Catalog.open(readOnlyCatalog(config));
  try {
    for (const { userid, path, fault } of catalog.list()) {
      entries.set(userid, path);
      if (fault !== null) faults.set(userid, fault);
    }
  } finally {
    catalog.close();
  }
  return { entries, faults };
}

function* allFiles(config: Config): Generator<BackupFile | string> {
  for (const partition of new Set(config.backuppartitions.values())) yield* filesBelow(partition);
}

function inWords(
  finding: Finding,
  isForced: boolean,
  isDryRun: boolean,
): { status: string; isWrong: boolean } {
  switch (finding.kind) {
    case 'kept':
      return { status: 'ok', isWrong: false };
    case 'entered': {
      const remarks = [
        finding.path,
        ...(finding.instead === null ? [] : [`instead of ${finding.instead}, which is not there`]),
        ...(finding.remark === null ? [] : [finding.remark]),
      ];
      return { status: `entered (${remarks.join('; ')})`, isWrong: false };
    }
    case 'missing':
      if (isForced) return { status: `dropped (${finding.reason})`, isWrong: false };
      return { status: `failed (${finding.reason}; -F drops the entry)`, isWrong: true };
    case 'orphan':
      return {
        status: `${isDryRun ? 'would be removed' : 'removed'} (empty, and no entry of backups.db names it)`,
        isWrong: false,
      };
    case 'restorable':
      if (isForced)
        return { status: `entered (${finding.path}, which was ${finding.previous})`, isWrong: false };
      return { status: `failed (only ${finding.previous} is left; -F puts it back)`, isWrong: true };
    case 'leftover':
      if (isForced) return { status: 'removed (left from work that was broken off)', isWrong: false };
      return { status: 'left (from work that was broken off or goes on; -F removes it)', isWrong: false };
    case 'left':
      break;
  }
  return { status: `left (${finding.reason})`, isWrong: finding.isWrong };
}
