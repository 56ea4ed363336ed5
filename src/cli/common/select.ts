/**
 * Finds the backups that a command line selects with the modes -A -D -P -f -m -u. Reads backups.db
 * one entry at a time, so that a site's hundred thousand backups are never held as a list.
 */
import { dirname } from 'node:path';
import { Catalog } from '../../catalog/catalog.ts';
import { requireBackupDatabase } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, exitCodeOf } from '../../errors.ts';
import { encodeMutf7 } from '../../mailbox/mutf7.ts';
import { backupUseridOf, fromAdmin, isValidUserid } from '../../mailbox/names.ts';
import { NO_SUCH_USER } from './exitCodes.ts';
import { readOnlyCatalog } from '../../catalog/catalogOptions.ts';
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

/** Returns the exit code for a target without a path: its entry is damaged, or there is none. */
export function notFoundCode({ fault }: Target): number {
  return fault === undefined ? NO_SUCH_USER : exitCodeOf.damaged;
}

/** Puts the name of a backup in front of a message; a path that the message names stands once. */
export function withLabel(label: string, message: string): string {
  if (message.startsWith(`${label}: `)) return message;
  return `${label}: ${label.includes('/') ? message.replace(` ${label}`, '') : message}`;
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

/** Opens backups.db. Throws 'not-found' with what to do about it if it does not exist. */
export function openCatalog(config: Config): Catalog {
  try {
    return Catalog.open(readOnlyCatalog(config));
  } catch (error) {
    if (!(error instanceof BackupError) || error.kind !== 'not-found') throw error;
    throw noCatalog(config);
  }
}

function noCatalog(config: Config): BackupError {
  const path = requireBackupDatabase(config);
  const cures =
    'nothing has been backed up yet, or another configuration is meant (-C); ' +
    'if it was lost, ctl_backups reconstruct makes it from the data files';
  return new BackupError('not-found', `there is no backups.db: ${path} (${config.file}): ${cures}`, {
    subject: path,
  });
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

/**
 * Converts a mailbox name to its internal form. Accepts a name as an administrator writes it
 * (`user/anne/Work`), the internal form (`user.anne.Work`, `example.com!user.anne`), and text that
 * is not ASCII in place of modified UTF-7 (`user/anne/Entwürfe`).
 */
export function internalOf(name: string, config: Config): string {
  const encoded = bytesOf(inMutf7(name));
  if (encoded.includes('!')) return encoded;
  return fromAdmin(encoded, {
    unixHierarchySep: config.unixhierarchysep && !/^(?:user|DELETED)\./.test(name),
    virtDomains: config.virtdomains !== 'off',
    deletedPrefix: config.deletedprefix,
    ...(config.defaultdomain === null ? {} : { defaultDomain: config.defaultdomain }),
  });
}

/** Encodes the levels below the user; userids and domains are bytes. */
function inMutf7(name: string): string {
  const [, user = '', levels = '', domain = ''] = /^(user[./][^./]*)?(.*?)(@[^@]*)?$/s.exec(name) ?? [];
  return /[^\x00-\x7f]/.test(levels) ? `${user}${encodeMutf7(levels)}${domain}` : name;
}

function ownerOfAdminName(name: string, config: Config): string {
  return backupUseridOf(internalOf(name, config), config.deletedprefix);
}
