/**
 * Flags of messages by name. Names are compared without regard to case (RFC 3501, and cyrus-imapd imap/mailbox.c
 * crc_basic); the spelling that came first is kept.
 */

/** Flags with a meaning of their own in every IMAP server, as Cyrus spells them. */
export const systemFlags: readonly string[] = ['\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '\\Seen'];

/** The mark of a record that is gone from its mailbox and waits for its file to be removed. */
export const expungedFlag = '\\Expunged';

/** A flag's name in the one form to compare and sort by. */
export function canonicalFlag(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

export function hasFlag(flags: readonly string[], name: string): boolean {
  const wanted = canonicalFlag(name);
  return flags.some((flag) => canonicalFlag(flag) === wanted);
}

/** Whether both hold the same flags, in whatever order and case. */
export function sameFlags(some: readonly string[], others: readonly string[]): boolean {
  const one = new Set(some.map(canonicalFlag));
  const other = new Set(others.map(canonicalFlag));
  return one.size === other.size && [...one].every((name) => other.has(name));
}

/** Flags from the form in which they are kept, with spaces between: no flag can hold one. */
export function parseFlags(text: string): string[] {
  return text.split(' ').filter((name) => name !== '');
}

export function printFlags(flags: readonly string[]): string {
  return flags.join(' ');
}
