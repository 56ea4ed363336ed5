/**
 * All limits on input from a peer or a log, in one place, each with its reason. The limits for
 * masters are the defaults of keys in imapd.conf (src/config/limitKeys.ts). Each limit bounds
 * memory: no input beyond it is held.
 */
export interface Limits {
  /** Longest line, in bytes. Literals and files do not count. */
  readonly lineBytes: number;
  /** Longest command, in bytes: its lines and literals together. Files do not count. */
  readonly commandBytes: number;
  /** Longest string, in bytes, literal or not. Each string is handled in one step. */
  readonly literalBytes: number;
  /** Largest message file, in bytes. Files are streamed. With 0, even an empty file is refused. */
  readonly messageBytes: number;
  /** Deepest nesting of lists. */
  readonly depth: number;
  /** Most values in one command, including lists. */
  readonly items: number;
  /**
   * Most values in one list. A list is an array that is copied as a whole each time it outgrows its
   * memory.
   */
  readonly listItems: number;
  /**
   * Most bytes to read and discard after an error to stay in step. Beyond this the connection is
   * closed.
   */
  readonly drainBytes: number;
}

const mebibyte = 1024 * 1024;

/**
 * Limits for authenticated masters:
 *
 * - Lines: a MAILBOX of sync_batchsize (8,192) records is about 3 MB. A master with sync_batchsize
 *   0 sends a whole mailbox, and 128 MiB hold some 300,000 messages.
 * - Strings: sieve scripts and annotations, both limited far below by Cyrus itself
 *   (sieve_maxscriptsize is 32 KB, maxannotsize a few kilobytes). Also SEENUIDS, with 8 bytes for
 *   each gap.
 * - Lists: UIDs of EXPUNGE and GUIDs of RESERVE, at most one for each message of a mailbox.
 * - Messages: uint32 in cyrus-imapd imap/dlist.c.
 * - Depth: MAILBOX needs 5.
 * - Items: 25 for a record with its annotations.
 * - Drain: one MESSAGE command of 1,024 messages of 4 MiB.
 */
export const defaultLimits: Limits = {
  lineBytes: 128 * mebibyte,
  commandBytes: 128 * mebibyte,
  literalBytes: 4 * mebibyte,
  messageBytes: 2 ** 32 - 1,
  depth: 32,
  items: 10_000_000,
  listItems: 1 << 20,
  drainBytes: 4096 * mebibyte,
};

/**
 * Narrows the limits to what GET takes: names, in one list at most. A master has no reason to nest
 * values there, so none is built only to be refused.
 */
export function limitsOfGet(limits: Limits): Limits {
  return { ...limits, depth: 1, messageBytes: 0 };
}

/**
 * Limits before authentication. Nothing large is legitimate then: the longest is an AUTHENTICATE
 * line with a Kerberos ticket.
 */
export const preAuthLimits: Limits = {
  lineBytes: 16 * 1024,
  commandBytes: 16 * 1024,
  literalBytes: 16 * 1024,
  messageBytes: 0,
  depth: 8,
  items: 1024,
  listItems: 1024,
  drainBytes: 64 * 1024,
};

/**
 * Limits for data files, which hold whatever any earlier version accepted. Lines and strings may be
 * as long as a JavaScript string can be.
 */
export const logLimits: Limits = {
  lineBytes: 500 * mebibyte,
  commandBytes: Infinity,
  literalBytes: 500 * mebibyte,
  messageBytes: 2 ** 32 - 1,
  depth: 1000,
  items: 100_000_000,
  listItems: 100_000_000,
  drainBytes: 0,
};
