/** Rows of a statement, one at a time, with SQLite's errors turned into ours: a damaged page may show at any row. */
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
