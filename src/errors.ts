/**
 * Defines the project's one error type, with a closed list of kinds. Only three tables translate a
 * kind for the outside world, all of them in this file:
 *
 * - for a sync client: the words after NO;
 * - for a program on the mount: an errno;
 * - for a shell: an exit code from sysexits.h.
 *
 * Every error that a user may see is a BackupError. Anything else that is thrown is a bug in this
 * project.
 */
import { constants } from 'node:os';

export type ErrorKind =
  | 'usage' // the command line is wrong
  | 'config' // imapd.conf is wrong: the message names file, line and key
  | 'auth' // not logged in, or the login failed
  | 'permission' // authenticated, but not an admin
  | 'syntax' // bytes that do not follow the grammar
  | 'unknown-command' // grammatical, but no command that the server knows
  | 'bad-parameters' // a known command with missing or wrong keys
  | 'checksum' // a message's bytes do not match its GUID
  | 'out-of-step' // a mailbox differs from the master's: the master must resend all of it
  | 'limit' // over a limit in src/protocol/limits.ts
  | 'no-user' // not a valid userid
  | 'not-found' // no such backup, mailbox, message
  | 'locked' // another process holds the backup: try again later
  | 'damaged' // the data on disk differs from what was written
  | 'refused' // possible, but only with an explicit option
  | 'no-space' // the disk is full or nearly full: try again later
  | 'io' // any other system error
  | 'closed' // the peer closed the connection
  | 'unreachable' // no server answers at the address: nothing can be done there
  | 'internal'; // a bug in this project: assert() found a promise of the code broken

export interface ErrorDetail {
  cause?: unknown;
  /**
   * What the error is about: a file, a user, a line, an option. For tests and logs; never printed.
   */
  subject?: string;
}

export class BackupError extends Error {
  readonly kind: ErrorKind;
  readonly subject: string | undefined;

  constructor(kind: ErrorKind, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'BackupError';
    this.kind = kind;
    this.subject = detail.subject;
  }
}

/**
 * The text of the tagged response. sync_client matches the first word after NO, and needs a space
 * after that word (cyrus-imapd imap/sync_support.c, sync_parse_resp). It treats every word that it
 * does not know as a refusal.
 */
export const syncResponse: Record<ErrorKind, string> = {
  usage: 'BAD IMAP_PROTOCOL_ERROR Protocol error',
  config: 'NO IMAP_IOERROR Server is misconfigured',
  auth: 'NO Authentication failed',
  permission: 'NO Permission denied',
  syntax: 'BAD IMAP_PROTOCOL_ERROR Protocol error',
  'unknown-command': 'NO IMAP_PROTOCOL_ERROR Protocol error',
  'bad-parameters': 'NO IMAP_PROTOCOL_BAD_PARAMETERS Bad parameters',
  checksum: 'NO IMAP_PROTOCOL_BAD_PARAMETERS Message does not match its GUID',
  'out-of-step': 'NO IMAP_SYNC_CHECKSUM Checksum failure',
  limit: 'NO IMAP_PROTOCOL_BAD_PARAMETERS Over a limit',
  'no-user': 'NO IMAP_INVALID_USER Invalid userid',
  'not-found': 'NO IMAP_MAILBOX_NONEXISTENT No Such Mailbox',
  locked: 'NO IMAP_MAILBOX_LOCKED Mailbox locked',
  damaged: 'NO IMAP_IOERROR Backup is damaged',
  refused: 'NO IMAP_PERMISSION_DENIED Refused',
  'no-space': 'NO IMAP_MAILBOX_LOCKED Disk is full',
  io: 'NO IMAP_IOERROR System I/O error',
  closed: 'NO IMAP_IOERROR Connection closed',
  unreachable: 'NO IMAP_IOERROR Server is unreachable',
  internal: 'NO IMAP_IOERROR Internal error',
};

export const errnoOf: Record<ErrorKind, number> = {
  usage: constants.errno.EINVAL,
  config: constants.errno.EIO,
  auth: constants.errno.EACCES,
  permission: constants.errno.EACCES,
  syntax: constants.errno.EIO,
  'unknown-command': constants.errno.ENOSYS,
  'bad-parameters': constants.errno.EINVAL,
  checksum: constants.errno.EIO,
  'out-of-step': constants.errno.EIO,
  limit: constants.errno.EIO,
  'no-user': constants.errno.ENOENT,
  'not-found': constants.errno.ENOENT,
  locked: constants.errno.EAGAIN,
  damaged: constants.errno.EIO,
  refused: constants.errno.EPERM,
  'no-space': constants.errno.ENOSPC,
  io: constants.errno.EIO,
  closed: constants.errno.EIO,
  unreachable: constants.errno.EIO,
  internal: constants.errno.EIO,
};

/** Exit codes from sysexits.h, used as the original tools use them. */
export const exitCodeOf: Record<ErrorKind, number> = {
  usage: 64,
  config: 78,
  auth: 77,
  permission: 77,
  syntax: 65,
  'unknown-command': 76,
  'bad-parameters': 65,
  checksum: 65,
  'out-of-step': 65,
  limit: 65,
  'no-user': 67,
  'not-found': 66,
  locked: 75,
  damaged: 65,
  refused: 75,
  'no-space': 75,
  io: 74,
  closed: 76,
  unreachable: 69,
  internal: 70,
};

/**
 * Throws 'internal' unless the code keeps its promise. `promise` is a sentence that should be true.
 */
export function assert(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new BackupError('internal', `internal error: it is not true that ${promise}`);
}

/** What the system's error codes mean, for people. */
const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'another server listens there already',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAI_AGAIN: 'the name cannot be resolved at present',
  EBUSY: 'it is in use',
  ECONNREFUSED: 'no server listens there',
  ECONNRESET: 'the other side closed the connection',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it exists already',
  EHOSTUNREACH: 'no way leads to that host',
  EIO: 'the disk cannot read or write it',
  EISDIR: 'it is a folder',
  ELOOP: 'it is a symbolic link, or too many of them',
  EMFILE: 'too many open files: raise the limit (ulimit -n, LimitNOFILE=)',
  ENAMETOOLONG: 'the name is too long',
  ENETUNREACH: 'no way leads to that network',
  ENFILE: 'the system has too many open files',
  ENOENT: 'no such file or folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is no folder',
  ENOTEMPTY: 'the folder is not empty',
  ENOTFOUND: 'there is no host of that name',
  EPERM: 'it is not permitted',
  EPIPE: 'the other side closed the connection',
  EROFS: 'the file system is read-only: mount it writable',
  ETIMEDOUT: 'no answer came in time',
};

interface SystemError {
  readonly code?: unknown;
  readonly path?: unknown;
  readonly dest?: unknown;
}

/**
 * Says in our words what the system answered, without the path: `no such file or folder (ENOENT)`.
 * Returns the message of any other error.
 */
export function systemReason(error: unknown): string {
  const { code } = (error ?? {}) as SystemError;
  const reason = typeof code === 'string' ? SYSTEM_REASONS[code] : undefined;
  if (reason !== undefined) return `${reason} (${code as string})`;
  return error instanceof Error ? error.message : String(error);
}

/** Returns the text of anything that was thrown, for a log line or a person. */
export function messageOf(error: unknown): string {
  const { path, dest } = (error ?? {}) as SystemError;
  const reason = systemReason(error);
  if (typeof path !== 'string' || reason.includes(path)) return reason;
  return `${path}${typeof dest === 'string' ? ` to ${dest}` : ''}: ${reason}`;
}

/** Turns a system error into a BackupError. Returns a BackupError unchanged. */
export function asBackupError(error: unknown, what: string): BackupError {
  if (error instanceof BackupError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  let kind: ErrorKind = 'io';
  if (code === 'ENOENT') kind = 'not-found';
  else if (code === 'EACCES' || code === 'EPERM') kind = 'permission';
  else if (code === 'ENOSPC' || code === 'EDQUOT') kind = 'no-space';
  const { path } = (error ?? {}) as SystemError;
  const isNamed = typeof path === 'string' && what.includes(path);
  return new BackupError(kind, `${what}: ${isNamed ? systemReason(error) : messageOf(error)}`, {
    cause: error,
  });
}
