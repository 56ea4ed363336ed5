/**
 * What a grammar requests from its driver. Only the driver knows where the bytes come from.
 */
import type { FileLiteral } from './dlist.ts';

/** One request of a grammar. */
export type Need =
  | { readonly need: 'line' }
  /**
   * A request for the next part of the line, with at least `atLeast` bytes. The driver answers
   * undefined if the line was already read to its end.
   */
  | { readonly need: 'more'; readonly atLeast: number; readonly held: number }
  | { readonly need: 'bytes'; readonly count: number; readonly synchronizing: boolean; readonly held: number }
  | { readonly need: 'file'; readonly file: FileLiteral }
  /**
   * A request for a pause, so that other work can run: parsing a line of 100,000 records takes half
   * a second.
   */
  | { readonly need: 'turn'; readonly held: number };
