/** Folds lines on trial, with a savepoint within the caller's transaction. */
import type { IndexFile } from '../store/indexFile.ts';

export class Trial {
  readonly #index: IndexFile;

  private constructor(index: IndexFile) {
    this.#index = index;
  }

  /** Begins a trial. Only one at a time, within a transaction. */
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
