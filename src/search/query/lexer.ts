/** Splits a query into tokens. Positions are columns from 1, for error messages. */
import { BackupError } from '../../errors.ts';

export type Token = { readonly kind: '(' | ')' | '-' | 'OR'; readonly column: number } | Term;

export interface Term {
  readonly kind: 'term';
  /** The word before the colon, in lower case; undefined if there is none. */
  readonly name: string | undefined;
  readonly value: string;
  readonly isQuoted: boolean;
  /** A `*` follows the value. */
  readonly isPrefix: boolean;
  readonly column: number;
}

const LONGEST_QUERY = 4096;

/** A query that makes no sense: says where, and what to write instead. */
export function queryError(query: string, column: number, reason: string): BackupError {
  return new BackupError('usage', `query: ${reason}, at column ${column} of: ${query}`, { subject: 'query' });
}

const NAME = /([a-z]+):/iy;
const BARE = /[^\s()"]+/y;

/** Throws 'usage'. */
export function tokensOf(query: string): Token[] {
  if (query.length > LONGEST_QUERY) {
    throw queryError(
      `${query.slice(0, 40)}...`,
      LONGEST_QUERY,
      `it is longer than ${LONGEST_QUERY} characters`,
    );
  }
  const tokens: Token[] = [];
  let at = 0;
  while (at < query.length) {
    const character = query[at] ?? '';
    const column = at + 1;
    if (/\s/.test(character)) at += 1;
    else if (character === '(' || character === ')') {
      tokens.push({ kind: character, column });
      at += 1;
    } else if (character === '-' && /\S/.test(query[at + 1] ?? ' ')) {
      tokens.push({ kind: '-', column });
      at += 1;
    } else {
      const { token, next } = term(query, at);
      tokens.push(token);
      at = next;
    }
  }
  return tokens;
}

function term(query: string, start: number): { token: Token; next: number } {
  const column = start + 1;
  NAME.lastIndex = start;
  const name = NAME.exec(query)?.[1];
  const from = start + (name === undefined ? 0 : name.length + 1);
  const isQuoted = query[from] === '"';
  const { value, next } = isQuoted ? quoted(query, from) : bare(query, from);
  if (!isQuoted && name === undefined && value === 'OR') return { token: { kind: 'OR', column }, next };
  const hasStar = isQuoted ? query[next] === '*' : value.length > 1 && value.endsWith('*');
  const token: Term = {
    kind: 'term',
    name: name?.toLowerCase(),
    value: hasStar && !isQuoted ? value.slice(0, -1) : value,
    isQuoted,
    isPrefix: hasStar,
    column,
  };
  return { token, next: hasStar && isQuoted ? next + 1 : next };
}

function bare(query: string, from: number): { value: string; next: number } {
  BARE.lastIndex = from;
  const value = BARE.exec(query)?.[0] ?? '';
  return { value, next: from + value.length };
}

/** A quoted value; `\"` and `\\` stand for the characters themselves. */
function quoted(query: string, from: number): { value: string; next: number } {
  let value = '';
  for (let at = from + 1; at < query.length; at += 1) {
    if (query[at] === '"') return { value, next: at + 1 };
    if (query[at] === '\\' && /["\\]/.test(query[at + 1] ?? '')) at += 1;
    value += query[at] ?? '';
  }
  throw queryError(query, from + 1, 'a quotation mark is not closed');
}
