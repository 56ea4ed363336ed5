/**
 * Folds text into words, so that case, accents and compatibility forms do not matter: `Café`,
 * `CAFÉ` and `cafe` are one word. The search index stores these words, and the final check of a
 * message compares them, so both always agree.
 *
 * A word is a run of letters and digits. Scripts that are written without spaces (Chinese,
 * Japanese, Thai and the like) are split into single characters, and a query for several of them
 * is a phrase.
 */

const ASCII = /^\p{ASCII}*$/u;
const ASCII_WORD = /[a-z0-9]+/g;
const NO_ASCII_WORD = /[^a-z0-9]+/g;
/** Marks, soft hyphens and other invisible characters, which may stand inside a word. */
const INVISIBLE = /[\p{M}\p{Cf}]/gu;
const UNSPACED = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}`;
const WORD = new RegExp(String.raw`[${UNSPACED}]|(?:(?![${UNSPACED}])[\p{L}\p{N}])+`, 'gu');

/** Returns the words of a text, in order. */
export function wordsOf(text: string): string[] {
  if (ASCII.test(text)) return text.toLowerCase().match(ASCII_WORD) ?? [];
  return foldCase(text).match(WORD) ?? [];
}

/**
 * Folds case and accents. Upper case comes first, because it expands letters such as ß to SS; the
 * two lower-case sigmas become one.
 */
function foldCase(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(INVISIBLE, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(INVISIBLE, '')
    .replaceAll('ς', 'σ');
}

/** Returns the words of a text, separated by single spaces. Faster than wordsOf(). */
export function foldWords(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase().replaceAll(NO_ASCII_WORD, ' ').trim();
  return wordsOf(text).join(' ');
}
