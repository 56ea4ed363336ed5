/**
 * Finds the backups that a command line selects with the modes -A -D -P -f -m -u. Reads backups.db
 * one entry at a time, so that a site's hundred thousand backups are never held as a list.
 */
import { dirname } from 'node:path';
import { Catalog } from '../../catalog/catalog.ts';
import { requireBackupDatabase } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError } from '../../errors.ts';
import { backupUseridOf, fromAdmin, isValidUserid } from '../../mailbox/names.ts';
import { readOnlyCatalog } from './catalogOptions.ts';
import { bytesOf, textOf } from './text.ts';
import type { CliIo } from './io.ts';

export type Mode = 'all' | 'domain' | 'prefix' | 'file' | 'mailbox' | 'user';

const MODES: readonly Mode[] = ['all', 'domain', 'prefix', 'file', 'mailbox', 'user'];

/** One backup that the command line names. */
export interface Target {
  /** The userid, a byte string; null if the backup is named by its file only. */
  readonly userid: string | null;
  /** The data file's path; null if backups.db has no usable entry. */
  readonly path: string | null;
  /** The name to print in messages, as written on the command line or in backups.db. */
  readonly label: string;
  /** Why `path` is null although backups.db has an entry. */
  readonly fault?: string;
}

/** A target that has a data file according to backups.db. */
export interface FoundTarget extends Target {
  readonly path: string;
}

export function notFound({ label, fault }: Target): string {
  return `${label}: ${fault ?? 'not found in backups.db'}\n`;
}

/** Reports the target on standard error if it was not found. */
export function isFound(target: Target, io: CliIo): target is FoundTarget {
  if (target.path === null) io.stderr.write(notFound(target));
  return target.path !== null;
}

interface ListedTarget extends Target {
  readonly userid: string;
}

/** Returns the mode that the command line gives, or the fallback. */
export function modeOf(values: Readonly<Partial<Record<Mode, boolean>>>, fallback: Mode): Mode {
  return MODES.find((mode) => values[mode] === true) ?? fallback;
}

/**
 * Yields the selected backups in the order of the command line, then of backups.db. Does not hold
 * the lock of backups.db while the caller works on a backup.
 */
export function* selectTargets(config: Config, mode: Mode, names: readonly string[]): Generator<Target> {
  if (mode === 'file') {
    for (const name of names) yield { userid: null, path: name, label: name };
    return;
  }
  const catalog = openCatalog(config);
  if (catalog === null) {
    if (mode !== 'user' && mode !== 'mailbox') return;
    for (const name of names) yield { userid: null, path: null, label: name };
    return;
  }
  try {
    if (mode === 'all') yield* listed(catalog, '');
    for (const name of names) yield* named(catalog, config, mode, name);
  } finally {
    catalog.close();
  }
}

/**
 * Returns the paths whose owner is taken as the owner of the store. Each folder precedes its file.
 * The files are backups.db, or with -f those that the command line names.
 */
export function storeOf(config: Config, mode: Mode, names: readonly string[]): string[] {
  const files = mode === 'file' ? names : [requireBackupDatabase(config)];
  return files.flatMap((file) => [dirname(file), file]);
}

/**
 * Opens backups.db. Returns null if it does not exist, which means that nothing has been backed up
 * yet.
 */
function openCatalog(config: Config): Catalog | null {
  try {
    return Catalog.open(readOnlyCatalog(config));
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'not-found') return null;
    throw error;
  }
}

function* named(catalog: Catalog, config: Config, mode: Mode, name: string): Generator<Target> {
  if (mode === 'prefix') yield* listed(catalog, bytesOf(name));
  else if (mode === 'domain') {
    for (const target of listed(catalog, '')) {
      if (domainOf(target.userid, config) === name) yield target;
    }
  } else {
    const userid = mode === 'mailbox' ? ownerOfAdminName(name, config) : bytesOf(name);
    yield isValidUserid(userid) ? found(catalog, userid, name) : { userid, path: null, label: name };
  }
}

function* listed(catalog: Catalog, prefix: string): Generator<ListedTarget> {
  for (const { userid, path, fault } of catalog.list(prefix)) {
    const label = textOf(userid);
    yield fault === null ? { userid, path, label } : { userid, path: null, label, fault };
  }
}

function found(catalog: Catalog, userid: string, label: string): Target {
  try {
    return { userid, path: catalog.find(userid), label };
  } catch (error) {
    // Only this entry is damaged, not the whole file.
    if (!(error instanceof BackupError) || error.subject !== userid) throw error;
    return { userid, path: null, label, fault: error.message };
  }
}

/** Returns the userid's domain. Without one, as in %SHARED, returns the default domain. */
function domainOf(userid: string, config: Config): string | null {
  const at = userid.lastIndexOf('@');
  if (at !== -1) return textOf(userid.slice(at + 1));
  return config.defaultdomain;
}

/** Converts a mailbox name as an administrator writes it to its internal form. */
export function internalOf(name: string, config: Config): string {
  return fromAdmin(bytesOf(name), {
    unixHierarchySep: config.unixhierarchysep,
    virtDomains: config.virtdomains !== 'off',
    deletedPrefix: config.deletedprefix,
    ...(config.defaultdomain === null ? {} : { defaultDomain: config.defaultdomain }),
  });
}

function ownerOfAdminName(name: string, config: Config): string {
  return backupUseridOf(internalOf(name, config), config.deletedprefix);
}
