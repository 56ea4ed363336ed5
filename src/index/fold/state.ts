/**
 * A mailbox's state: the keys of its last MAILBOX line, as printed in the log. The state is stored
 * as text, so that a restore returns even unknown keys to the master unchanged.
 */
import { KeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { printItem } from '../../protocol/print.ts';

export function parseState(state: string): KeyValues {
  return parseDlist(`%(${state})`) as KeyValues;
}

export function printState(entries: KeyValues['entries']): string {
  return entries.map(([key, value]) => printItem(key, value, 'log')).join(' ');
}

/**
 * Returns the state with the values of some keys replaced, or added if the key is new. A new value
 * of null leaves its key unchanged.
 */
export function replaceInState(state: string, changes: ReadonlyMap<string, Dlist>): string {
  const { entries } = parseState(state);
  const known = new Set(entries.map(([key]) => key));
  const added = [...changes].filter(([key, value]) => value !== null && !known.has(key));
  return printState([
    ...entries.map(([key, value]): [string, Dlist] => [key, changes.get(key) ?? value]),
    ...added,
  ]);
}
