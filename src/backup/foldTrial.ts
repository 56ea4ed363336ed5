/**
 * Lines that are folded before it is known whether they count: in a savepoint of the index, from which they can be taken back. Held
 * as parsed lines they would take many times the memory.
 */
import type { IndexFile } from '../index/indexFile.ts';
import type { WalkResult } from './walkResult.ts';

/** How far a member is folded. */
export interface FoldedUpTo {
  readonly lineEnd: number;
  readonly tsStart: number;
  readonly tsEnd: number;
}

export class FoldTrial {
  readonly #index: IndexFile;
  readonly #result: WalkResult;
  #before: { readonly upTo: FoldedUpTo; readonly damages: number; readonly messages: number } | null = null;

  constructor(index: IndexFile, result: WalkResult) {
    this.#index = index;
    this.#result = result;
  }

  /** Does nothing where one has begun. */
  begin(upTo: FoldedUpTo): void {
    if (this.#before !== null) return;
    this.#before = { upTo, damages: this.#result.damages.length, messages: this.#result.messages };
    this.#index.run('SAVEPOINT unproven');
  }

  /** What was folded stays. */
  keep(): void {
    if (this.#before === null) return;
    this.#before = null;
    this.#index.run('RELEASE unproven');
  }

  /** Takes it back, and returns how far the member was folded before; null: none has begun. */
  takeBack(): FoldedUpTo | null {
    const before = this.#before;
    if (before === null) return null;
    this.#before = null;
    this.#index.run('ROLLBACK TO unproven');
    this.#index.run('RELEASE unproven');
    this.#result.damages.length = before.damages;
    this.#result.messages = before.messages;
    return before.upTo;
  }
}
