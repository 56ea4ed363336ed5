/**
 * Iterates over the rows of a statement. Converts SQLite's errors into IndexErrors, because any row
 * may be on a damaged page.
 */
import { indexError } from './indexErrors.ts';

export class RowIterator<T> implements IterableIterator<T> {
  readonly #rows: IterableIterator<T>;
  readonly #path: string;

  constructor(rows: IterableIterator<T>, path: string) {
    this.#rows = rows;
    this.#path = path;
  }

  next(): IteratorResult<T> {
    try {
      return this.#rows.next();
    } catch (error) {
      throw indexError(error, this.#path);
    }
  }

  return(): IteratorResult<T> {
    return this.#rows.return?.() ?? { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }
}
