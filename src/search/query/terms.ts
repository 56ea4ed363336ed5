/** The meaning of a single term of a query, `name:value` or a word. */
import { timestampOf } from '../../mailbox/timestamp.ts';
import { FIELDS } from '../text/messageText.ts';
import type { Field } from '../text/messageText.ts';
import { wordsOf } from '../text/fold.ts';
import { queryError } from './lexer.ts';
import type { Term } from './lexer.ts';
import type { Node } from './syntax.ts';

const DAY_S = 86_400;
const SIZE = /^(\d{1,12})([kmg]?)b?$/i;
const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** Every name that a term may have. */
const NAMES = [
  ...FIELDS,
  'id',
  'in',
  'flag',
  'is',
  'has',
  'larger',
  'smaller',
  'before',
  'after',
  'on',
  'at',
] as const;
type Name = (typeof NAMES)[number];

interface Context {
  readonly term: Term;
  readonly query: string;
  readonly nowS: number;
}

/** Returns the node of a term. Throws 'usage'. */
export function termNode(term: Term, query: string, nowS: number): Node {
  const context = { term, query, nowS };
  if (term.name === undefined) return textNode(context, undefined);
  if (!isName(term.name)) return unknownName(context);
  if (term.value === '') throw queryError(query, term.column, `${term.name}: has no value`);
  return isField(term.name) ? textNode(context, term.name) : nodeOf[term.name](context);
}

function isName(name: string): name is Name {
  return (NAMES as readonly string[]).includes(name);
}

function isField(name: Name): name is Field {
  return (FIELDS as readonly string[]).includes(name);
}

/** `http://x` and `12:30` are words with a colon in them; any other unknown name is a mistake. */
function unknownName({ term, query, nowS }: Context): Node {
  const isWord = term.value.startsWith('//') || term.value === '';
  if (!isWord) {
    throw queryError(
      query,
      term.column,
      `${term.name ?? ''}: is no field (there are ${NAMES.join(', ')}); quote it if it is text`,
    );
  }
  return textNode({ term: { ...term, value: `${term.name ?? ''}:${term.value}` }, query, nowS }, undefined);
}

function textNode({ term, query }: Context, field: Field | undefined): Node {
  const words = wordsOf(term.value);
  if (words.length === 0)
    throw queryError(query, term.column, `${JSON.stringify(term.value)} has no letter or digit`);
  return { kind: 'text', field, words, isPrefix: term.isPrefix };
}

const nodeOf: Readonly<Record<Exclude<Name, Field>, (context: Context) => Node>> = {
  id: ({ term }) => {
    const id = term.value.replaceAll(/^<|>$/g, '');
    return /^[0-9a-f]{40}$/i.test(id) ? { kind: 'guid', guid: id.toLowerCase() } : { kind: 'messageId', id };
  },
  in: ({ term }) => ({
    kind: 'mailbox',
    pattern: mailboxPattern(term.isPrefix ? `${term.value}*` : term.value),
  }),
  flag: ({ term }) => ({ kind: 'flag', flag: term.value.toLowerCase() }),
  is: (context) => ({ kind: 'deleted', isDeleted: oneOf(context, ['living', 'deleted']) === 'deleted' }),
  has: (context) => {
    oneOf(context, ['attachment']);
    return { kind: 'attachment' };
  },
  larger: (context) => ({ kind: 'size', isLarger: true, bytes: sizeOf(context) }),
  smaller: (context) => ({ kind: 'size', isLarger: false, bytes: sizeOf(context) }),
  before: (context) => ({ kind: 'date', from: -Infinity, before: timeOf(context) }),
  after: (context) => ({ kind: 'date', from: timeOf(context), before: Infinity }),
  on: (context) => dayOf(context),
  at: (context) => ({ kind: 'date', from: timeOf(context), before: Infinity }),
};

function oneOf<T extends string>({ term, query }: Context, values: readonly T[]): T {
  const value = values.find((each) => each === term.value.toLowerCase());
  if (value !== undefined) return value;
  throw queryError(
    query,
    term.column,
    `${term.name ?? ''}: takes ${values.join(' or ')}, not ${JSON.stringify(term.value)}`,
  );
}

function sizeOf({ term, query }: Context): number {
  const match = SIZE.exec(term.value);
  if (match !== null) return Number(match[1]) * (UNIT_BYTES[(match[2] ?? '').toLowerCase()] ?? 1);
  throw queryError(query, term.column, `${JSON.stringify(term.value)} is no size (such as 10k, 5M or 1G)`);
}

function timeOf({ term, query, nowS }: Context): number {
  const time = timestampOf(term.value, nowS);
  if (time !== undefined) return time;
  throw queryError(
    query,
    term.column,
    `${JSON.stringify(term.value)} is no time (such as 2026-11-20, yesterday, 2h)`,
  );
}

/** The local day that contains the time. */
function dayOf(context: Context): Node {
  const day = new Date(timeOf(context) * 1000);
  const startOf = (offset: number): number =>
    Math.floor(new Date(day.getFullYear(), day.getMonth(), day.getDate() + offset).getTime() / 1000);
  const [from, before] = [startOf(0), startOf(1)];
  return { kind: 'date', from, before: before > from ? before : from + DAY_S };
}

/** `*` stands for anything, `%` for anything within one level. Case does not matter. */
function mailboxPattern(pattern: string): RegExp {
  const source = pattern
    .normalize('NFC')
    .split(/([*%])/)
    .map((piece) => {
      if (piece === '*') return '.*';
      if (piece === '%') return '[^/]*';
      return piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
    });
  return new RegExp(`^${source.join('')}$`, 'isu');
}
