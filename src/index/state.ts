/**
 * A mailbox's state: the text of every key that its last MAILBOX carried, as printed to the log. Kept as text, so
 * that keys nobody here has heard of come back to the master as they came.
 */
import { KeyValues } from '../protocol/dlist.ts';
import type { Dlist } from '../protocol/dlist.ts';
import { parseDlist } from '../protocol/parseText.ts';
import { printItem } from '../protocol/print.ts';

export function parseState(state: string): KeyValues {
  return parseDlist(`%(${state})`) as KeyValues;
}

export function printState(entries: KeyValues['entries']): string {
  return entries.map(([key, value]) => printItem(key, value, 'log')).join(' ');
}

/** The state with some keys' values replaced, or added where it has no such key; a value of null is left alone. */
export function replaceInState(state: string, changes: ReadonlyMap<string, Dlist>): string {
  const { entries } = parseState(state);
  const known = new Set(entries.map(([key]) => key));
  const added = [...changes].filter(([key, value]) => value !== null && !known.has(key));
  return printState([
    ...entries.map(([key, value]): [string, Dlist] => [key, changes.get(key) ?? value]),
    ...added,
  ]);
}
