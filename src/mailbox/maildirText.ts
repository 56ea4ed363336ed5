/**
 * The rules of Maildir text: flags and keywords as letters, and the names of message files.
 */
/** System flags as Maildir writes them in a file's name: letters in ASCII order. */
const letters = new Map([
  ['\\draft', 'D'],
  ['\\flagged', 'F'],
  ['$forwarded', 'P'],
  ['\\answered', 'R'],
  ['\\seen', 'S'],
  ['\\deleted', 'T'],
]);

/** At most this many keywords have a letter (a to z). */
const MAX_KEYWORDS = 26;

/**
 * Splits a record's flags into three groups: flags with a Maildir letter, keywords, and system
 * flags unknown to both Maildir and mbox.
 */
export function splitFlags(flags: readonly string[]): {
  readonly letters: string;
  readonly keywords: string[];
  readonly unknown: string[];
} {
  const known: string[] = [];
  const keywords: string[] = [];
  const unknown: string[] = [];
  for (const flag of flags) {
    const letter = letters.get(flag.toLowerCase());
    if (letter !== undefined) known.push(letter);
    else if (flag.startsWith('\\')) unknown.push(flag);
    else if (flag !== '') keywords.push(flag);
  }
  return { letters: known.toSorted().join(''), keywords, unknown };
}

/**
 * Returns a keyword's letter in a folder, and adds a new keyword to `table`. Returns undefined if
 * all 26 letters are taken.
 */
export function keywordLetter(table: string[], keyword: string): string | undefined {
  let index = table.indexOf(keyword);
  if (index === -1 && table.length < MAX_KEYWORDS) index = table.push(keyword) - 1;
  // Dovecot's own table may be longer than the alphabet.
  return index === -1 || index >= MAX_KEYWORDS ? undefined : String.fromCharCode('a'.charCodeAt(0) + index);
}

/**
 * Returns a message's file name in a Maildir, up to the colon: INTERNALDATE, UID, GUID and size.
 */
export function maildirUnique(message: {
  readonly internaldate: number;
  readonly uid: number;
  readonly guid: string;
  readonly size: number;
}): string {
  const { internaldate, uid, guid, size } = message;
  return `${internaldate}.U${uid}G${guid}.cyrus-backups,S=${size}`;
}

/** Returns the text of `dovecot-keywords`, which assigns the small letters to keywords. */
export function keywordLines(table: readonly string[]): string {
  return table.map((keyword, index) => `${index} ${keyword}\n`).join('');
}
