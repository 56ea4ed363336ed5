/**
 * Names of the files in one Maildir folder: unique up to the colon, then flags as letters and
 * keywords as small letters, of which there are 26. The GUID is part of a name, so that a second
 * restore finds the file again in whatever folder (cur or new) and with whatever flags it is by
 * then.
 */
import { keywordLetter, maildirUnique, splitFlags } from '../../../mailbox/maildirText.ts';
import type { SourceRecord } from '../../source.ts';
import type { Loss } from '../format.ts';

const OURS = /^-?[0-9]+\.U[0-9]+G([0-9a-f]{40})(?:_[0-9]+)?\.cyrus-backups,/;

/** The GUID in the name of a file that a restore has made. */
export function guidInName(name: string): string | undefined {
  return OURS.exec(name)?.[1];
}

/** The part of a name that stays when flags change. */
export function uniqueOf(name: string): string {
  return name.replace(/:.*/s, '');
}

export class MaildirNames {
  readonly keywords: string[];
  readonly #known: number;
  readonly #uniques: Set<string>;

  /** Keywords by letter, as `dovecot-keywords` has them, and names that are taken. */
  constructor(keywords: string[] = [], uniques: Iterable<string> = []) {
    this.keywords = keywords;
    this.#known = keywords.length;
    this.#uniques = new Set(uniques);
  }

  get hasNewKeywords(): boolean {
    return this.keywords.length > this.#known;
  }

  /** A name of its own for one more message, and the flags that it cannot hold, in words. */
  next(record: SourceRecord, flags: readonly string[]): { unique: string; name: string; left: Loss[] } {
    const { letters, keywords, unknown } = splitFlags(flags);
    const left = unknown.map((flag): Loss => ({ what: `flag ${flag}`, why: 'Maildir has no letter for it' }));
    const own: string[] = [];
    for (const keyword of keywords) {
      const letter = keywordLetter(this.keywords, keyword);
      if (letter === undefined)
        left.push({ what: `flag ${keyword}`, why: 'a Maildir folder holds 26 keywords' });
      else own.push(letter);
    }
    const unique = this.#unique(record);
    return { unique, name: `${unique}:2,${letters}${own.toSorted().join('')}`, left };
  }

  /** Two copies of one message, or two of one UID from different mailboxes, are two files. */
  #unique(record: SourceRecord): string {
    const plain = maildirUnique(record);
    let unique = plain;
    for (let copy = 2; this.#uniques.has(unique); copy += 1) {
      unique = plain.replace(record.guid, `${record.guid}_${copy}`);
    }
    this.#uniques.add(unique);
    return unique;
  }
}
