/**
 * Iterates over the rows of a statement and converts SQLite's errors: a damaged page may turn up at
 * any row.
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
