/**
 * The exit codes of all programs: what each means, and which one a run over many users ends with.
 * docs/reference/exit-codes.md and the man pages are made from this table; a kind of error becomes
 * a code in src/errors.ts.
 */

/** EX_SOFTWARE: a bug, or a program that a tool ran was killed. */
export const SOFTWARE_FAILED = 70;
/** EX_NOUSER: no backup of that user. */
export const NO_SUCH_USER = 67;
/** EX_NOINPUT: no such file, mailbox, message or chunk. */
export const NO_SUCH_THING = 66;
/** EX_TEMPFAIL: not done, and worth another try. */
export const TRY_AGAIN = 75;

export interface ExitCode {
  readonly code: number;
  /** The name in sysexits.h. */
  readonly name: string;
  readonly meaning: string;
}

/** The most severe first: a run over many users exits with the first of the codes that occurred. */
export const EXIT_CODES: readonly ExitCode[] = [
  { code: 70, name: 'EX_SOFTWARE', meaning: 'a bug in the program, or a worker process was killed' },
  { code: 74, name: 'EX_IOERR', meaning: 'the system could not read or write' },
  { code: 65, name: 'EX_DATAERR', meaning: 'a backup is damaged, or lacks messages' },
  { code: 78, name: 'EX_CONFIG', meaning: 'the configuration cannot be used' },
  { code: 77, name: 'EX_NOPERM', meaning: 'a login was refused, or a file may not be used' },
  { code: 69, name: 'EX_UNAVAILABLE', meaning: 'no server answers at the address' },
  {
    code: 76,
    name: 'EX_PROTOCOL',
    meaning: 'the server answered something that was not expected, or hung up',
  },
  { code: 67, name: 'EX_NOUSER', meaning: 'a user has no backup' },
  { code: 66, name: 'EX_NOINPUT', meaning: 'a file, a mailbox, a message or a chunk does not exist' },
  {
    code: 75,
    name: 'EX_TEMPFAIL',
    meaning: 'a backup is busy, the disk is full, or not everything was done: try again',
  },
  { code: 64, name: 'EX_USAGE', meaning: 'the command line is wrong; nothing was done' },
  { code: 0, name: 'EX_OK', meaning: 'everything was done, or there was nothing to do' },
];

/** Returns the more severe of two exit codes. A code outside the table is the most severe. */
export function worse(one: number, other: number): number {
  const rank = (code: number): number => EXIT_CODES.findIndex((each) => each.code === code);
  return rank(one) <= rank(other) ? one : other;
}
