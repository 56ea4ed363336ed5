/**
 * Every limit on what is read from a peer or from a log, in one place, each with its reason. Those for masters are the defaults of
 * keys in imapd.conf (src/config/limitKeys.ts).
 * A number here is a promise about memory: nothing that is read is held beyond it.
 */
export interface Limits {
  /** Longest line, in bytes, literals and files not counted. */
  readonly lineBytes: number;
  /** Longest command, in bytes: its lines and literals together, files not counted. */
  readonly commandBytes: number;
  /** Longest string, in bytes, literal or not: each is handled in one step. */
  readonly literalBytes: number;
  /** Largest message file, in bytes: those are streamed. */
  readonly messageBytes: number;
  /** Deepest nesting of lists. */
  readonly depth: number;
  /** Most values in one command, lists included. */
  readonly items: number;
  /** Most bytes that are read and thrown away to stay in step after an error; beyond, the connection is lost. */
  readonly drainBytes: number;
}

const mebibyte = 1024 * 1024;

/**
 * For authenticated masters.
 * Lines: a MAILBOX of sync_batchsize (8,192) records is about 3 MB; a master with sync_batchsize 0 sends a whole mailbox,
 * and 128 MiB are some 300,000 messages. Strings: sieve scripts and annotations, both limited far below by Cyrus itself
 * (sieve_maxscriptsize 32 KB, maxannotsize is kilobytes), and SEENUIDS, 8 bytes for each gap. Messages: uint32 in cyrus-imapd imap/dlist.c.
 * Depth: MAILBOX needs 5. Items: 25 to a record with its annotations.
 * Drain: one MESSAGE command of 1,024 messages of 4 MiB.
 */
export const defaultLimits: Limits = {
  lineBytes: 128 * mebibyte,
  commandBytes: 128 * mebibyte,
  literalBytes: 4 * mebibyte,
  messageBytes: 2 ** 32 - 1,
  depth: 32,
  items: 10_000_000,
  drainBytes: 4096 * mebibyte,
};

/** Before authentication nothing large is legitimate: an AUTHENTICATE line with a Kerberos ticket takes the most. */
export const preAuthLimits: Limits = {
  lineBytes: 16 * 1024,
  commandBytes: 16 * 1024,
  literalBytes: 16 * 1024,
  messageBytes: 0,
  depth: 8,
  items: 1024,
  drainBytes: 64 * 1024,
};

/** For data files, which hold what any earlier version accepted: as much as a JavaScript string can be. */
export const logLimits: Limits = {
  lineBytes: 500 * mebibyte,
  commandBytes: Infinity,
  literalBytes: 500 * mebibyte,
  messageBytes: 2 ** 32 - 1,
  depth: 1000,
  items: 100_000_000,
  drainBytes: 0,
};
