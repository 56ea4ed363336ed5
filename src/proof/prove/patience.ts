/**
 * Patience with a server that hangs up on one mailbox. Cyrus' imapd ends with an assertion when it
 * meets a damaged record (seen with 3.6.1). The mailboxes are then asked for one by one, so that
 * only the one that breaks the connection is left out, and named.
 */
import { BackupError } from '../../errors.ts';
import { mailboxesByName } from '../../restore/cyrus/state/serverState.ts';
import type { ServerMailbox } from '../../restore/cyrus/state/serverState.ts';
import type { SyncClient } from '../../restore/cyrus/syncClient.ts';

/** One user may break so many connections. After that, the fault is the server's. */
const MOST_BREAKS = 8;

export class Patience {
  readonly #broken = new Set<string>();
  #asking: string | undefined;
  #breaks = 0;

  /** Call when the connection broke. Returns false if another try makes no sense. */
  broke(): boolean {
    if (this.#asking !== undefined) this.#broken.add(this.#asking);
    this.#asking = undefined;
    this.#breaks += 1;
    return this.#breaks <= MOST_BREAKS;
  }

  hangsUpOn(name: string): boolean {
    return this.#broken.has(name);
  }

  /** Runs a question about one mailbox, and remembers that it was on the way. */
  async ask<T>(name: string, question: () => Promise<T>): Promise<T> {
    if (this.hangsUpOn(name)) throw new BackupError('io', 'the server hangs up when it is asked for it');
    this.#asking = name;
    const answer = await question();
    this.#asking = undefined;
    return answer;
  }

  /** Asks for all mailboxes at once, and after a break for one at a time. */
  async mailboxes(client: SyncClient, names: readonly string[]): Promise<Map<string, ServerMailbox>> {
    if (this.#breaks === 0) return mailboxesByName(client, names);
    const found = new Map<string, ServerMailbox>();
    for (const name of names) {
      if (this.hangsUpOn(name)) continue;
      const some = await this.ask(name, () => mailboxesByName(client, [name]));
      for (const mailbox of some.values()) found.set(mailbox.name, mailbox);
    }
    return found;
  }
}
