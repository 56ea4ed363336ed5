/**
 * File names in one Maildir folder: a unique part up to the colon, then flags as letters and
 * keywords as lower-case letters (at most 26). The name contains the GUID. So a later restore finds
 * the file again, in cur or new, whatever flags it has by then.
 */
import { keywordLetter, maildirUnique, splitFlags } from '../../../mailbox/maildirText.ts';
import type { SourceRecord } from '../../source.ts';
import type { Loss } from '../format.ts';

const OURS = /^-?[0-9]+\.U[0-9]+G([0-9a-f]{40})(?:_[0-9]+)?\.cyrus-backups,/;

/** Returns the GUID in the name of a file that a restore wrote. */
export function guidInName(name: string): string | undefined {
  return OURS.exec(name)?.[1];
}

/** Returns the part of a name that stays the same when flags change. */
export function uniqueOf(name: string): string {
  return name.replace(/:.*/s, '');
}

export class MaildirNames {
  readonly keywords: string[];
  readonly #known: number;
  readonly #uniques: Set<string>;

  /** `keywords`: by letter, as in `dovecot-keywords`. `uniques`: names that are already used. */
  constructor(keywords: string[] = [], uniques: Iterable<string> = []) {
    this.keywords = keywords;
    this.#known = keywords.length;
    this.#uniques = new Set(uniques);
  }

  get hasNewKeywords(): boolean {
    return this.keywords.length > this.#known;
  }

  /** Returns a new name for one more message, and the flags that it cannot hold. */
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

  /**
   * Two copies of one message get different names. So do messages with the same UID from different
   * mailboxes.
   */
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
