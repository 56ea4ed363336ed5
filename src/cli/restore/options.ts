/**
 * Turns restore's parsed command line into its arguments, and checks what the grammar in program.ts
 * cannot express.
 */
import { loginOf } from '../common/commandLine/loginOptions.ts';
import { asBackupError } from '../../errors.ts';
import type { BackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import { parseTimestamp, parsePast, saysNow } from '../../mailbox/timestamp.ts';
import { WHAT } from '../../restore/cyrus/job.ts';
import type { Existing, What } from '../../restore/cyrus/job.ts';
import { parseUids } from '../../restore/select/messageFilter.ts';
import type { MessageFilter } from '../../restore/select/messageFilter.ts';
import type { Expunged } from '../../restore/select/selection.ts';
import { wrongUsage } from '../common/commandLine/parse.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import { optionName } from '../common/commandLine/program.ts';
import { restore } from './program/program.ts';

export interface RestoreArguments {
  readonly config: string;
  /** The address of a Cyrus server, or the argument of --to. */
  readonly destination: string;
  readonly isCyrus: boolean;
  readonly mode: 'all' | 'domain' | 'file' | 'mailbox' | 'user';
  readonly backups: readonly string[];
  /** As written on the command line: administrator's names, uniqueids, GUIDs. */
  readonly objects: readonly string[];
  readonly acl: string | undefined;
  readonly keepsDeleted: boolean;
  readonly withDeleted: boolean;
  readonly isLocal: boolean;
  readonly mailbox: string | undefined;
  readonly partition: string | undefined;
  readonly isExact: boolean;
  readonly expunged: Expunged;
  readonly isPlan: boolean;
  readonly isRecursive: boolean;
  readonly verbose: number;
  readonly waitSeconds: number;
  readonly compress: boolean;
  readonly time: number | null;
  readonly between: { readonly from: number; readonly to: number } | null;
  readonly isFlagsOnly: boolean;
  readonly what: ReadonlySet<What>;
  readonly existing: Existing;
  readonly into: string;
  readonly filter: MessageFilter;
  readonly isJson: boolean;
  readonly jobs: number;
  /** Also restores mailboxes without mail to other destinations than Cyrus. */
  readonly allTypes: boolean;
  readonly timeoutSeconds: number;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly tlsCa: string | undefined;
  readonly verifyTls: boolean;
  readonly useTls: boolean;
}

type RestoreLine = Parsed<(typeof restore)['options']>;
type Values = RestoreLine['values'];

/** `nowS`: now, in Unix seconds. Throws 'usage', or the error of an unreadable file. */
export function interpretRestore({ values, operands }: RestoreLine, nowS: number): RestoreArguments {
  const rest = [...operands];
  const destination = values.to ?? rest.shift();
  if (destination === undefined) throw usage('a SERVER is missing, or --to DESTINATION');
  const { mode, backups } = backupsOf(values, rest);
  const objects = [...rest, ...(values.objectsFile === undefined ? [] : readObjects(values.objectsFile))];
  checkCombinations(values, mode, objects);
  const what = whatOf(values);
  return {
    config: values.config,
    destination,
    isCyrus: values.to === undefined,
    mode,
    backups,
    objects,
    acl: values.acl === undefined ? undefined : aclOf(values.acl),
    keepsDeleted: values.keepsDeleted,
    withDeleted: values.keepsDeleted || values.withDeleted,
    isLocal: values.isLocal,
    mailbox: values.targetMailbox,
    partition: values.partition,
    isExact: values.isExact,
    expunged: expungedOf(values),
    isPlan: values.isPlan,
    isRecursive: values.isRecursive,
    verbose: values.verbose,
    waitSeconds: values.waitSeconds,
    compress: values.compress,
    time: values.at === undefined || saysNow(values.at) ? null : parsePast(values.at, nowS, '--at'),
    between: betweenOf(values, nowS),
    isFlagsOnly: values.flagsOnly,
    what,
    existing: existingOf(values, what),
    into: values.into ?? '',
    filter: filterOf(values, nowS),
    isJson: values.json,
    jobs: values.jobs,
    allTypes: values.allTypes,
    timeoutSeconds: values.timeout,
    ...loginOf(values),
  };
}

function usage(message: string): BackupError {
  return wrongUsage(restore, message);
}

function backupsOf(values: Values, rest: string[]): Pick<RestoreArguments, 'mode' | 'backups'> {
  if (values.file !== undefined) return { mode: 'file', backups: [values.file] };
  if (values.mailbox !== undefined) return { mode: 'mailbox', backups: [values.mailbox] };
  if (values.users.length > 0) return { mode: 'user', backups: values.users };
  if (values.allUsers) return { mode: 'all', backups: [] };
  if (values.domain !== undefined) return { mode: 'domain', backups: [values.domain] };
  const backup = rest.shift();
  if (backup === undefined) throw usage('a BACKUP is missing: a userid, or --all-users');
  return { mode: 'user', backups: [backup] };
}

/** Reads one object per line and skips empty lines and comments. `-` is standard input. */
function readObjects(path: string): string[] {
  try {
    const text = String(disk.readFile(path === '-' ? 0 : path));
    return text
      .split('\n')
      .map((line) => line.replace(/\r$/, ''))
      .filter((line) => line !== '' && !line.startsWith('#'));
  } catch (error) {
    throw asBackupError(error, `-F ${path}`);
  }
}

function checkCombinations(values: Values, mode: RestoreArguments['mode'], objects: readonly string[]): void {
  const isWhole = values.isWhole || mode === 'all' || mode === 'domain';
  const isNarrowed = objects.length > 0 || values.between !== undefined;
  if (values.isWhole && (objects.length > 0 || values.objectsFile !== undefined)) {
    throw usage(
      '-a means everything of one user: leave it out to restore only what is named; several users are -u anne -u bob',
    );
  }
  if (!isWhole && !isNarrowed && !values.flagsOnly) {
    throw usage('what is to be restored: -a for all, or mailboxes, uniqueids, GUIDs');
  }
  const given = (keys: readonly (keyof Values)[]): string | undefined => {
    const key = keys.find((each) => values[each] !== undefined && values[each] !== false);
    return key === undefined ? undefined : optionName(restore.options[key]);
  };
  const apart = given(['acl', 'targetMailbox', 'partition', 'into']);
  if (values.isExact && apart !== undefined) throw usage(`-U and ${apart} exclude each other`);
  const cyrusOnly = given(['acl', 'isLocal', 'partition', 'isExact', 'compress', 'flagsOnly']);
  if (values.to !== undefined && cyrusOnly !== undefined) {
    throw usage(`--to and ${cyrusOnly} exclude each other: only a Cyrus server can do that`);
  }
  if (values.to === undefined && values.allTypes) {
    throw usage('--all-types goes with --to: a Cyrus server gets every mailbox');
  }
}

/**
 * Returns identifiers and rights, each followed by a TAB, as Cyrus stores them. Spaces are
 * accepted, too: the original passed them on, and nobody could open the mailbox.
 */
function aclOf(acl: string): string {
  const words = acl.includes('\t') ? acl.split('\t') : acl.split(' ');
  const all = words.filter((word) => word !== '');
  const isPairs = all.length % 2 === 0 && all.every((word, at) => at % 2 === 0 || /^[a-z0-9]+$/.test(word));
  if (!isPairs) throw usage(`-A: ${JSON.stringify(acl)} is not a list of identifiers and rights`);
  return all.map((word) => `${word}\t`).join('');
}

function expungedOf({ onlyExpunged, withExpunged }: Values): Expunged {
  if (onlyExpunged) return 'only';
  return withExpunged ? 'with' : 'without';
}

function betweenOf({ between }: Values, nowS: number): RestoreArguments['between'] {
  if (between === undefined) return null;
  const from = parsePast(between[0], nowS, '--between');
  const to = parseTimestamp(between[1], nowS, '--between');
  if (to <= from) throw usage('--between: the second time is not after the first');
  return { from, to };
}

function whatOf(values: Values): Set<What> {
  if (values.what === undefined) return new Set(WHAT);
  const names = values.what.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !WHAT.some((known) => known === name));
  if (unknown !== undefined) throw usage(`--what: ${unknown} is none of ${WHAT.join(', ')}`);
  return new Set(WHAT.filter((known) => names.includes(known)));
}

/** If --what names only settings, existing settings are replaced. */
function existingOf({ existing }: Values, what: ReadonlySet<What>): Existing {
  return existing ?? (what.has('mail') ? 'skip' : 'replace');
}

function filterOf(values: Values, nowS: number): MessageFilter {
  return {
    uids: values.uid === undefined ? null : parseUids(values.uid),
    from: values.from ?? null,
    subject: values.subject ?? null,
    since: values.since === undefined ? null : parseTimestamp(values.since, nowS, '--since'),
    before: values.before === undefined ? null : parseTimestamp(values.before, nowS, '--before'),
  };
}
