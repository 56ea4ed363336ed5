/**
 * Finds the messages that may match a query, from the search index. The result contains every
 * match, and others; the message's bytes decide.
 */
import type { HeadColumn, Scope, SearchIndex } from '../store/searchIndex.ts';
import { wordsOf } from '../text/fold.ts';
import type { Field } from '../text/messageText.ts';
import type { Node, TextTerm } from './syntax.ts';

/** GUIDs; undefined: any message may match. */
export type Candidates = ReadonlySet<string> | undefined;

const COLUMN_OF: Readonly<Record<Exclude<Field, 'body'>, HeadColumn>> = {
  from: 'sender',
  to: 'recipient',
  cc: 'copy',
  subject: 'subject',
  list: 'list',
  filename: 'filename',
};

/** Throws an IndexError of kind 'damaged' if the search index is damaged. */
export function candidatesOf(node: Node, search: SearchIndex, scope: Scope): Candidates {
  switch (node.kind) {
    case 'text':
      return textCandidates(node, search, scope);
    case 'guid':
      return new Set([node.guid]);
    case 'messageId':
      return matchAll(wordsOf(node.id), (words) => search.matchHead(`id : (${words})`));
    case 'and':
      return intersection(node.nodes.map((each) => candidatesOf(each, search, scope)));
    case 'or':
      return union(node.nodes.map((each) => candidatesOf(each, search, scope)));
    default:
      return undefined;
  }
}

function matchAll(words: readonly string[], find: (expression: string) => string[]): Candidates {
  return words.length === 0 ? undefined : new Set(find(words.map(quoted).join(' AND ')));
}

function quoted(word: string): string {
  return `"${word}"`;
}

function textCandidates({ field, words, isPrefix }: TextTerm, search: SearchIndex, scope: Scope): Candidates {
  const patterns = words.map((word, at) => quoted(word) + (isPrefix && at === words.length - 1 ? '*' : ''));
  const all = patterns.join(' AND ');
  if (field !== undefined && field !== 'body') {
    return new Set(search.matchHead(`${COLUMN_OF[field]} : (${all})`));
  }
  if (scope === 'headers') return undefined;
  if (field === 'body') return new Set(search.matchBody(all));
  // A phrase lies in one field, so its words are all in the header fields or all in the body.
  return new Set([...search.matchHead(all), ...search.matchBody(all)]);
}

function intersection(sets: readonly Candidates[]): Candidates {
  const known = sets.filter((set) => set !== undefined).toSorted((a, b) => a.size - b.size);
  const [smallest, ...others] = known;
  if (smallest === undefined) return undefined;
  return new Set([...smallest].filter((guid) => others.every((set) => set.has(guid))));
}

function union(sets: readonly Candidates[]): Candidates {
  const all = new Set<string>();
  for (const set of sets) {
    if (set === undefined) return undefined;
    for (const guid of set) all.add(guid);
  }
  return all;
}
