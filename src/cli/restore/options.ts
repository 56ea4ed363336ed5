/**
 * restore's command line: the original's single-letter options (cyrus-imapd backup/restore.c), and
 * the options that are new here, which are whole words. Only the grammar is checked here.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { asBackupError, messageOf } from '../../errors.ts';
import { parseTimestamp, parsePast, saysNow } from '../../mailbox/timestamp.ts';
import { WHAT } from '../../restore/cyrus/job.ts';
import type { Existing, What } from '../../restore/cyrus/job.ts';
import { parseUids } from '../../restore/select/messageFilter.ts';
import type { MessageFilter } from '../../restore/select/messageFilter.ts';
import type { Expunged } from '../../restore/select/selection.ts';
import { DEFAULT_CONFIG } from '../common/catalogOptions.ts';
import { usageError } from '../common/run.ts';
import { flag } from '../common/select.ts';

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

/** A server may work on one command for minutes, while a hung server never answers. */
const DEFAULT_TIMEOUT_S = 300;

const text = { type: 'string' } as const;
const yes = { type: 'boolean' } as const;

const options = {
  A: { type: 'string', short: 'A' },
  C: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
  D: flag('D'),
  F: { type: 'string', short: 'F' },
  L: flag('L'),
  M: { type: 'string', short: 'M' },
  P: { type: 'string', short: 'P' },
  U: flag('U'),
  X: flag('X'),
  a: flag('a'),
  f: { type: 'string', short: 'f' },
  m: { type: 'string', short: 'm' },
  n: flag('n'),
  r: flag('r'),
  u: { type: 'string', short: 'u', multiple: true },
  v: { type: 'boolean', short: 'v', multiple: true },
  w: { type: 'string', short: 'w' },
  x: flag('x'),
  z: flag('z'),
  to: text,
  at: text,
  between: text,
  and: text,
  'flags-only': yes,
  what: text,
  existing: text,
  into: text,
  uid: text,
  from: text,
  subject: text,
  since: text,
  before: text,
  expunged: yes,
  deleted: yes,
  'all-users': yes,
  domain: text,
  json: yes,
  jobs: text,
  'all-types': yes,
  timeout: text,
  user: text,
  'password-file': text,
  'tls-ca': text,
  'tls-no-verify': yes,
  'no-tls': yes,
} as const;

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: rewritten(argv), allowPositionals: true, options });
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

type Values = ReturnType<typeof parse>['values'];

/** Rewrites what parseArgs cannot parse: `--between T1 T2`, and `-A` without a value. */
function rewritten(argv: readonly string[]): string[] {
  const args = [...argv];
  const at = args.indexOf('--between');
  if (at !== -1) {
    const [from, to] = args.slice(at + 1, at + 3);
    if (from === undefined || to === undefined) throw usageError('--between: two times are expected');
    args.splice(at, 3, `--between=${from}`, `--and=${to}`);
  }
  if (args.at(-1) === '-A') args.push('');
  return args;
}

/** `nowS`: now, in Unix seconds. Throws 'usage', or the error of an unreadable file. */
export function interpretRestore(argv: readonly string[], nowS: number): RestoreArguments {
  const { values, positionals } = parse(argv);
  const rest = [...positionals];
  const destination = values.to ?? rest.shift();
  if (destination === undefined) throw usageError('a server is expected, or --to');
  const { mode, backups } = backupsOf(values, rest);
  const objects = [...rest, ...(values.F === undefined ? [] : readObjects(values.F))];
  checkCombinations(values, mode, objects);
  const what = whatOf(values);
  return {
    config: values.C,
    destination,
    isCyrus: values.to === undefined,
    mode,
    backups,
    objects,
    acl: values.A === undefined ? undefined : aclOf(values.A),
    keepsDeleted: values.D ?? false,
    withDeleted: (values.D ?? false) || (values.deleted ?? false),
    isLocal: values.L ?? false,
    mailbox: values.M,
    partition: values.P,
    isExact: values.U ?? false,
    expunged: expungedOf(values),
    isPlan: values.n ?? false,
    isRecursive: values.r ?? false,
    verbose: values.v?.length ?? 0,
    waitSeconds: wholeNumber(values.w ?? '0', '-w', 0),
    compress: values.z ?? false,
    time: values.at === undefined || saysNow(values.at) ? null : parsePast(values.at, nowS, '--at'),
    between: betweenOf(values, nowS),
    isFlagsOnly: values['flags-only'] ?? false,
    what,
    existing: existingOf(values, what),
    into: values.into ?? '',
    filter: filterOf(values, nowS),
    isJson: values.json ?? false,
    jobs: wholeNumber(values.jobs ?? '4', '--jobs', 1),
    allTypes: values['all-types'] ?? false,
    timeoutSeconds: wholeNumber(values.timeout ?? String(DEFAULT_TIMEOUT_S), '--timeout', 1),
    user: values.user,
    passwordFile: values['password-file'],
    tlsCa: values['tls-ca'],
    verifyTls: values['tls-no-verify'] !== true,
    useTls: values['no-tls'] !== true,
  };
}

function backupsOf(values: Values, rest: string[]): Pick<RestoreArguments, 'mode' | 'backups'> {
  const given = [
    values.f === undefined ? null : { mode: 'file' as const, backups: [values.f] },
    values.m === undefined ? null : { mode: 'mailbox' as const, backups: [values.m] },
    values.u === undefined ? null : { mode: 'user' as const, backups: values.u },
    values['all-users'] === undefined ? null : { mode: 'all' as const, backups: [] },
    values.domain === undefined ? null : { mode: 'domain' as const, backups: [values.domain] },
  ].filter((each) => each !== null);
  if (given.length > 1) throw usageError('-f, -m, -u, --all-users and --domain exclude each other');
  const [only] = given;
  if (only !== undefined) return only;
  const backup = rest.shift();
  if (backup === undefined) throw usageError('a backup is expected');
  return { mode: 'user', backups: [backup] };
}

/** Reads one object per line and skips empty lines and comments. `-` is standard input. */
function readObjects(path: string): string[] {
  try {
    const lines = readFileSync(path === '-' ? 0 : path, 'utf8').split('\n');
    return lines
      .map((line) => line.replace(/\r$/, ''))
      .filter((line) => line !== '' && !line.startsWith('#'));
  } catch (error) {
    throw asBackupError(error, path);
  }
}

function checkCombinations(values: Values, mode: RestoreArguments['mode'], objects: readonly string[]): void {
  const isWhole = values.a === true || mode === 'all' || mode === 'domain';
  const isNarrowed = objects.length > 0 || values.between !== undefined;
  if (values.a === true && (objects.length > 0 || values.F !== undefined)) {
    throw usageError('-a is everything: no mailboxes or messages may be named with it');
  }
  if (!isWhole && !isNarrowed && values['flags-only'] !== true) {
    throw usageError('what is to be restored: -a for all, or mailboxes, uniqueids, GUIDs');
  }
  if (values.X === true && (values.x === true || values.expunged === true)) {
    throw usageError('-X excludes -x and --expunged');
  }
  const apart = (['A', 'M', 'P', 'into'] as const).find((option) => values[option] !== undefined);
  if (values.U === true && apart !== undefined)
    throw usageError(`-U excludes ${apart === 'into' ? '--into' : `-${apart}`}`);
  const cyrusOnly = (['A', 'L', 'P', 'U', 'z', 'flags-only'] as const).find(
    (option) => values[option] !== undefined,
  );
  if (values.to !== undefined && cyrusOnly !== undefined) {
    throw usageError(
      `--to excludes ${cyrusOnly.length === 1 ? '-' : '--'}${cyrusOnly}: only a Cyrus server can do that`,
    );
  }
  if (values.to === undefined && values['all-types'] === true)
    throw usageError('--all-types belongs to --to: a Cyrus server gets every mailbox');
  if (values.and !== undefined && values.between === undefined)
    throw usageError('--and belongs to --between');
  if (values.at !== undefined && values.between !== undefined) throw usageError('--at excludes --between');
}

/**
 * Returns identifiers and rights, each followed by a TAB, as Cyrus stores them. Spaces are
 * accepted, too: the original passed them on, and nobody could open the mailbox.
 */
function aclOf(acl: string): string {
  const words = acl.includes('\t') ? acl.split('\t') : acl.split(' ');
  const all = words.filter((word) => word !== '');
  const isPairs = all.length % 2 === 0 && all.every((word, at) => at % 2 === 0 || /^[a-z0-9]+$/.test(word));
  if (!isPairs) throw usageError(`-A: ${JSON.stringify(acl)} is not a list of identifiers and rights`);
  return all.map((word) => `${word}\t`).join('');
}

function expungedOf(values: Values): Expunged {
  if (values.x === true) return 'only';
  return values.expunged === true ? 'with' : 'without';
}

function betweenOf(values: Values, nowS: number): RestoreArguments['between'] {
  if (values.between === undefined) return null;
  const from = parsePast(values.between, nowS, '--between');
  const to = parseTimestamp(values.and ?? 'now', nowS, '--between');
  if (to <= from) throw usageError('--between: the second time is not after the first');
  return { from, to };
}

function whatOf(values: Values): Set<What> {
  if (values.what === undefined) return new Set(WHAT);
  const names = values.what.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !WHAT.some((known) => known === name));
  if (unknown !== undefined) throw usageError(`--what: ${unknown} is none of ${WHAT.join(', ')}`);
  return new Set(WHAT.filter((known) => names.includes(known)));
}

/** If --what names only settings, existing settings are replaced. */
function existingOf(values: Values, what: ReadonlySet<What>): Existing {
  const given = values.existing ?? (what.has('mail') ? 'skip' : 'replace');
  if (given !== 'skip' && given !== 'copy' && given !== 'replace') {
    throw usageError(`--existing: ${given} is none of skip, copy, replace`);
  }
  return given;
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

function wholeNumber(digits: string, option: string, least: number): number {
  const number = /^[0-9]{1,6}$/.test(digits) ? Number(digits) : -1;
  if (number < least) throw usageError(`${option}: a number of at least ${least} is expected`);
  return number;
}
