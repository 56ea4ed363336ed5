/**
 * The mount's options, as given after -o on a command line or in fstab: a comma-separated list.
 * This file loads nothing of the mount itself, because a process that only starts the background
 * process also parses the options.
 */
import { BackupError } from '../src/errors.ts';
import { parseTimestamp } from '../src/mailbox/timestamp.ts';

export const TRANSPORT_NAMES = ['kernel', 'fuse-native'] as const;
export type TransportName = (typeof TRANSPORT_NAMES)[number];

export const VIEW_NAMES = ['plain', 'maildir', 'mh', 'mbox'] as const;
export type ViewName = (typeof VIEW_NAMES)[number];

export interface MountOptions {
  /** The transport to use; undefined: the fastest one that works. */
  readonly transport: TransportName | undefined;
  readonly allowOther: boolean;
  readonly nonempty: boolean;
  /** The owner of all files and folders; undefined: the user who mounts. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** The permission bits of folders and files; undefined: see modesOf. */
  readonly folderMode: number | undefined;
  readonly fileMode: number | undefined;
  /** The bits that the modes lack, as for umask(2); undefined: others have no access. */
  readonly umask: number | undefined;
  /** The size in bytes of the cache of inflated blocks; undefined: a small default. */
  readonly cacheBytes: number | undefined;
  /** The number of prefetch threads; undefined: derived from the number of processors. */
  readonly threads: number | undefined;
  /** The default view of a user's mail. */
  readonly view: ViewName;
  readonly listAll: boolean;
  readonly hardlinks: boolean;
  readonly snapshot: boolean;
  /** Shows the mail as it was at this time, in Unix seconds in the past; undefined: the present. */
  readonly at: number | undefined;
  /** Patterns of the userids to show; empty: all users. */
  readonly users: readonly string[];
  /** `map`, or a file that maps users to owners; see tree/owner.ts. */
  readonly ownerMap: string | undefined;
  /** The log file of a mount in the background; undefined: no log. */
  readonly logFile: string | undefined;
}

type Setting = (value: string, option: string, before: MountOptions) => Partial<MountOptions>;

const FLAGS: Readonly<Record<string, Partial<MountOptions>>> = {
  allow_other: { allowOther: true },
  nonempty: { nonempty: true },
  listall: { listAll: true },
  hardlinks: { hardlinks: true },
  snapshot: { snapshot: true },
};

const SETTINGS: Readonly<Record<string, Setting>> = {
  transport: (value, option) => ({ transport: transportOf(value, option) }),
  uid: (value, option) => ({ uid: numberOf(value, option) }),
  gid: (value, option) => ({ gid: numberOf(value, option) }),
  dmode: (value, option) => ({ folderMode: modeOf(value, option) }),
  fmode: (value, option) => ({ fileMode: modeOf(value, option) }),
  umask: (value, option) => ({ umask: modeOf(value, option) }),
  cache: (value, option) => ({ cacheBytes: sizeOf(value, option) }),
  threads: (value, option) => ({ threads: threadsOf(value, option) }),
  log: (value) => ({ logFile: value }),
  view: (value, option) => ({ view: viewOf(value, option) }),
  at: (value, option) => ({ at: pastMoment(value, option) }),
  users: (value, _option, { users }) => ({ users: [...users, value] }),
  owner: (value, option) => ({ ownerMap: ownerMapOf(value, option) }),
};

/**
 * Options that are accepted but ignored. Either mount(8) has already handled them and passes them
 * on from fstab, or they describe what this mount does anyway.
 */
const IGNORED =
  /^(rw|ro|defaults|(no)?auto|(no)?user|users|user=.*|u?helper=.*|(a|dir)?sync|(no)?suid|(no)?dev|(no)?exec|(no|rel|strict)?atime|(no)?diratime|_netdev|nofail|[xX]-.*|comment=.*)$/;

export function parseMountOptions(lists: readonly string[]): MountOptions {
  let options: MountOptions = {
    transport: undefined,
    allowOther: false,
    nonempty: false,
    uid: undefined,
    gid: undefined,
    folderMode: undefined,
    fileMode: undefined,
    umask: undefined,
    cacheBytes: undefined,
    threads: undefined,
    logFile: undefined,
    view: 'plain',
    listAll: false,
    hardlinks: false,
    snapshot: false,
    at: undefined,
    users: [],
    ownerMap: undefined,
  };
  for (const option of lists.join(',').split(',')) {
    if (option !== '' && !IGNORED.test(option)) options = { ...options, ...parseOption(option, options) };
  }
  return options;
}

function parseOption(option: string, before: MountOptions): Partial<MountOptions> {
  const equals = option.indexOf('=');
  const name = equals < 0 ? option : option.slice(0, equals);
  if (equals < 0 && Object.hasOwn(FLAGS, name)) return FLAGS[name] ?? {};
  const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
  if (setting !== undefined && equals >= 0 && equals < option.length - 1) {
    return setting(option.slice(equals + 1), option, before);
  }
  if (setting !== undefined) throw refusal(option, 'mount option lacks its value:');
  const names = [...Object.keys(FLAGS), ...Object.keys(SETTINGS)].toSorted();
  throw refusal(option, `unknown mount option (there are ${names.join(', ')}):`);
}

const transportOf = oneOf(TRANSPORT_NAMES);
const viewOf = oneOf(VIEW_NAMES);

function oneOf<T extends string>(names: readonly T[]): (value: string, option: string) => T {
  return (value, option) => {
    const name = names.find((name) => name === value);
    if (name === undefined) throw refusal(option, `not one of ${names.join(', ')}:`);
    return name;
  };
}

/**
 * Parses a timestamp and requires it to be in the past. In the current second, later changes could
 * still alter the result.
 */
function pastMoment(value: string, option: string): number {
  const nowS = Math.floor(Date.now() / 1000);
  const time = parseTimestamp(value, nowS, option);
  if (time > nowS) throw refusal(option, 'a moment that is still to come:');
  return Math.min(time, nowS - 1);
}

function ownerMapOf(value: string, option: string): string {
  if (value === 'map' || value.startsWith('/')) return value;
  throw refusal(option, 'neither owner=map nor the absolute path of a file:');
}

function numberOf(value: string, option: string): number {
  const number = Number(value);
  if (!/^\d{1,10}$/.test(value) || number > 0xfffffffe) {
    throw refusal(option, 'not the number of a user or group:');
  }
  return number;
}

function modeOf(value: string, option: string): number {
  if (/^0?[0-7]{3}$/.test(value)) return parseInt(value, 8);
  throw refusal(option, 'not an octal mode such as 0750:');
}

export interface Modes {
  readonly folderMode: number;
  readonly fileMode: number;
}

/**
 * Returns the modes that everything is shown with. By default only the owner has access. The write
 * bits have no effect on the mount, which is read-only. They are there for copies: `cp -r` copies
 * modes, and a folder without its write bit could not be emptied by an ordinary user.
 */
export function modesOf({ folderMode, fileMode, umask = 0o077 }: MountOptions): Modes {
  return { folderMode: folderMode ?? 0o777 & ~umask, fileMode: fileMode ?? 0o666 & ~umask };
}

/**
 * Throws 'usage' if root mounts with allow_other, and the modes still let nobody in. root itself
 * needs no allow_other. It lets root into the mount of an ordinary user.
 */
export function requireUsefulAccess(options: MountOptions, euid: number): void {
  const { allowOther, uid = 0, ownerMap } = options;
  const { folderMode, fileMode } = modesOf(options);
  const isOpen = (folderMode & 0o055) !== 0 && (fileMode & 0o044) !== 0;
  if (!allowOther || euid !== 0 || isOpen || ownerMap !== undefined || uid !== 0) return;
  throw refusal(
    'allow_other',
    'nobody but root would see anything: add uid=NUMBER, owner=map, or gid=NUMBER,umask=027 for a group, to',
  );
}

function threadsOf(value: string, option: string): number {
  if (/^([1-9]|1[0-6])$/.test(value)) return Number(value);
  throw refusal(option, 'not a number from 1 to 16:');
}

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

function sizeOf(value: string, option: string): number {
  const match = /^(\d{1,12})([KMG]?)$/i.exec(value);
  const unitBytes = UNIT_BYTES[match?.[2]?.toUpperCase() ?? ''];
  const sizeBytes = match === null || unitBytes === undefined ? Number.NaN : Number(match[1]) * unitBytes;
  if (!Number.isSafeInteger(sizeBytes)) throw refusal(option, 'not a size such as 64M:');
  return sizeBytes;
}

function refusal(option: string, why: string): BackupError {
  return new BackupError('usage', `${why} ${option}`, { subject: option });
}
