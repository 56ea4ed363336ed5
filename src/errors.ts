/**
 * Errors: one type with a closed list of kinds, and the only three tables that say what a kind means to
 * somebody else: to a sync client (the word after NO), to a program on the mount (errno), to a shell (sysexits).
 *
 * Every error that a user may see is a BackupError; anything else that is thrown is a bug of ours.
 */
import { constants } from 'node:os';

export type ErrorKind =
  | 'usage' // the command line is wrong
  | 'config' // imapd.conf is wrong: names file, line and key
  | 'auth' // not, or wrongly, authenticated
  | 'permission' // authenticated, but not an admin
  | 'syntax' // bytes that are not the grammar's
  | 'unknown-command' // grammatical, but not a command that is served
  | 'bad-parameters' // a known command with keys missing or wrong
  | 'checksum' // a message's bytes are not those its GUID promises
  | 'out-of-step' // a mailbox here is not what the master has: all of it is to be sent again
  | 'limit' // over one of src/protocol/limits.ts
  | 'no-user' // a userid that cannot be one
  | 'not-found' // no such backup, mailbox, message
  | 'locked' // another process holds the backup: try again later
  | 'damaged' // data on disk is not what was written
  | 'refused' // it would be, but an option has to ask for it
  | 'no-space' // the disk is full, or nearly so: try again later
  | 'io' // anything else that the system refused
  | 'closed'; // the peer went away

export interface ErrorDetail {
  cause?: unknown;
  /** What the error is about: a file, a user, a line, an option. Printed by nobody, for tests and logs. */
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
 * The tagged answer's text. sync_client matches the first word after NO and wants a space behind it
 * (cyrus-imapd imap/sync_support.c, sync_parse_resp); every word it does not know is a refusal.
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
};

/** sysexits.h, as the original tools use them. */
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
};

/** The text of whatever was thrown, for a log line or a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Turns what the system threw into a BackupError; leaves a BackupError as it is. */
export function asBackupError(error: unknown, what: string): BackupError {
  if (error instanceof BackupError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  let kind: ErrorKind = 'io';
  if (code === 'ENOENT') kind = 'not-found';
  else if (code === 'EACCES' || code === 'EPERM') kind = 'permission';
  else if (code === 'ENOSPC' || code === 'EDQUOT') kind = 'no-space';
  return new BackupError(kind, `${what}: ${messageOf(error)}`, { cause: error });
}
