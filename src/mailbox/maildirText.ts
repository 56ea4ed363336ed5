/** How Maildir writes what IMAP knows of a message: flags and keywords as letters, the name of its file. */
/** System flags as Maildir writes them in a file's name: letters in the order of ASCII. */
const letters = new Map([
  ['\\draft', 'D'],
  ['\\flagged', 'F'],
  ['$forwarded', 'P'],
  ['\\answered', 'R'],
  ['\\seen', 'S'],
  ['\\deleted', 'T'],
]);

/** At most so many keywords have a letter each (a to z). */
const MAX_KEYWORDS = 26;

/** Flags of a record: those with a letter of their own, keywords, and system flags that neither Maildir nor mbox knows. */
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

/** The letter of a keyword in a folder, given by turns; undefined where all 26 are taken. `table` is added to. */
export function keywordLetter(table: string[], keyword: string): string | undefined {
  let index = table.indexOf(keyword);
  if (index === -1 && table.length < MAX_KEYWORDS) index = table.push(keyword) - 1;
  // Dovecot's own table may be longer than the alphabet.
  return index === -1 || index >= MAX_KEYWORDS ? undefined : String.fromCharCode('a'.charCodeAt(0) + index);
}

/** A message's file in a Maildir, up to the colon: INTERNALDATE, UID, GUID and size. */
export function maildirUnique(message: {
  readonly internaldate: number;
  readonly uid: number;
  readonly guid: string;
  readonly size: number;
}): string {
  const { internaldate, uid, guid, size } = message;
  return `${internaldate}.U${uid}G${guid}.cyrus-backups,S=${size}`;
}

/** `dovecot-keywords`: which keyword each small letter is. */
export function keywordLines(table: readonly string[]): string {
  return table.map((keyword, index) => `${index} ${keyword}\n`).join('');
}
