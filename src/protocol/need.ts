/** What a grammar asks of its driver, which alone knows where bytes come from. */
import type { FileLiteral } from './dlist.ts';

/** What a grammar asks of its driver. */
export type Need =
  | { readonly need: 'line' }
  /** The next part of the line, of so many bytes or more; undefined: it was read to its end. */
  | { readonly need: 'more'; readonly atLeast: number; readonly held: number }
  | { readonly need: 'bytes'; readonly count: number; readonly synchronizing: boolean; readonly held: number }
  | { readonly need: 'file'; readonly file: FileLiteral }
  /** Nothing but that others may have their turn: a line of 100,000 records takes half a second. */
  | { readonly need: 'turn'; readonly held: number };
