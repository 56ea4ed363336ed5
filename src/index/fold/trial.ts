/** Folds lines tentatively: a savepoint within the caller's transaction allows undoing them. */
import type { IndexFile } from '../store/indexFile.ts';

export class Trial {
  readonly #index: IndexFile;

  private constructor(index: IndexFile) {
    this.#index = index;
  }

  /** Begins a trial. Requires a transaction without another trial. */
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
