/** Assigns each mailbox a folder of a destination, so that no two mailboxes share one. */
import { BackupError } from '../../errors.ts';

export interface ClaimOptions {
  /** Returns the mailbox that a folder held before this run, or undefined. */
  readonly holder?: (path: string) => string | undefined;
  /** Paths with the same key name the same folder. */
  readonly key?: (path: string) => string;
}

export class Claims {
  readonly #options: ClaimOptions;
  readonly #mailboxes = new Map<string, string>();
  readonly #paths = new Map<string, string>();

  constructor(options: ClaimOptions = {}) {
    this.#options = options;
  }

  /** Returns the mailbox's path in this run, if it has one. */
  pathOf(mailbox: string): string | undefined {
    return this.#paths.get(mailbox);
  }

  /**
   * Returns the first of the paths that is free or already the mailbox's own. Throws 'io' if each
   * of the paths holds another mailbox.
   */
  claim(mailbox: string, candidates: readonly string[]): string {
    const { holder, key } = this.#options;
    const others: string[] = [];
    for (const path of candidates) {
      const identity = key === undefined ? path : key(path);
      const other = this.#mailboxes.get(identity) ?? holder?.(path) ?? mailbox;
      if (other === mailbox) {
        this.#mailboxes.set(identity, mailbox);
        this.#paths.set(mailbox, path);
        return path;
      }
      others.push(`${path} holds ${other}`);
    }
    throw new BackupError('io', `no folder for ${mailbox}: ${others.join(', ')}: nothing was added there`, {
      subject: mailbox,
    });
  }
}
