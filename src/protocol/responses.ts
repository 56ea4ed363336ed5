/**
 * The server's responses to sync clients. If Cyrus' backupd has the same response, the words are
 * identical (cyrus-imapd backup/backupd.c): clients match the first word of an answer, and people
 * grep for the rest.
 */
import { BackupError, syncResponse } from '../errors.ts';
import type { Dlist } from './dlist.ts';
import { printItem } from './print.ts';

export const responses = {
  success: 'OK Success\r\n',
  restarting: 'OK Restarting\r\n',
  finished: 'OK Finished\r\n',
  noop: 'OK Noop completed\r\n',
  authenticated: 'OK Success (no protection)\r\n',
  authenticatedByTls: 'OK Success (tls protection)\r\n',
  deflateActive: 'OK DEFLATE active\r\n',
  startTls: 'OK Begin TLS negotiation now\r\n',
  startTlsTwice: 'BAD Already did a successful Starttls\r\n',
  startTlsLate: "BAD Can't Starttls after authentication\r\n",
  startTlsInjected: 'BAD Nothing may follow Starttls before the handshake\r\n',
  nullCommand: 'BAD Null command\r\n',
  unrecognized: 'BAD IMAP_PROTOCOL_ERROR Unrecognized command\r\n',
  notAuthenticated: 'NO Please authenticate first\r\n',
  alreadyAuthenticated: 'BAD Already authenticated\r\n',
  permissionDenied: 'NO Permission denied\r\n',
  authenticationFailed: 'NO authentication failure\r\n',
  authenticationCanceled: 'BAD Client canceled authentication\r\n',
  noMechanism: 'NO no mechanism available\r\n',
  // Untagged, but without the asterisk: sync_client accepts no other form (cyrus-imapd
  // imap/sync_server.c, sync_parse_response).
  shuttingDown: 'BYE Server is shutting down\r\n',
  goAhead: '+ go ahead\r\n',
} as const;

/** Spells a command as Cyrus does in its answers: `GET` becomes `Get`. */
function spelled(verb: string): string {
  return verb.slice(0, 1).toUpperCase() + verb.slice(1).toLowerCase();
}

export function missingArgument(verb: string): string {
  return `BAD Missing required argument to ${spelled(verb)}\r\n`;
}

export function extraArguments(verb: string): string {
  return `BAD Unexpected extra arguments to ${spelled(verb)}\r\n`;
}

/** Prints `* NAME dlist`, as latin1 bytes. */
export function untagged(name: string, value: Dlist): string {
  return `* ${printItem(name, value, 'client')}\r\n`;
}

/**
 * Returns the answer to a failed command. Any error that is not a BackupError is a bug of this
 * program, and is answered like an I/O error.
 */
export function refusal(error: unknown): string {
  return `${syncResponse[error instanceof BackupError ? error.kind : 'io']}\r\n`;
}

export interface Banner {
  readonly serverName: string;
  readonly version: string;
  /** The SASL mechanisms offered. */
  readonly mechanisms: readonly string[];
  readonly startTls: boolean;
  readonly compress: boolean;
}

/**
 * Returns the greeting, which is repeated after STARTTLS. Clients depend on its order and its last
 * line.
 */
export function banner(about: Banner): string {
  const lines = [
    ...(about.mechanisms.length > 0 ? [`* SASL ${about.mechanisms.join(' ')}`] : []),
    ...(about.startTls ? ['* STARTTLS'] : []),
    ...(about.compress ? ['* COMPRESS DEFLATE'] : []),
    `* OK ${about.serverName} Cyrus backup server ${about.version}`,
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}
