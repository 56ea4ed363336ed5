/** Lines that are folded on trial: a savepoint within the transaction of whoever folds. */
import type { IndexFile } from '../store/indexFile.ts';

export class Trial {
  readonly #index: IndexFile;

  private constructor(index: IndexFile) {
    this.#index = index;
  }

  /** One at a time, within a transaction. */
  static begin(index: IndexFile): Trial {
    index.run('SAVEPOINT trial');
    return new Trial(index);
  }

  keep(): void {
    this.#index.run('RELEASE trial');
  }

  takeBack(): void {
    this.#index.run('ROLLBACK TO trial');
    this.#index.run('RELEASE trial');
  }
}
