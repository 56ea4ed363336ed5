/**
 * What was on its way to the server when a connection broke, kept across connections: so the one message that breaks them is
 * found, by sending the suspects one by one, and given up alone.
 */

/** How often one message, sent by itself, may break the connection. */
const ATTEMPTS = 2;
/** So many messages given up in a mailbox, and it is the server. */
const MOST_GIVEN_UP = 5;

export class UploadMemory {
  #onTheWay: readonly string[] = [];
  readonly #suspects = new Set<string>();
  readonly #breaks = new Map<string, number>();

  /** Before a command with these messages (GUIDs); an empty list after it. */
  sending(guids: readonly string[]): void {
    this.#onTheWay = guids;
  }

  /** The connection broke. Answers whether another try will find out more. */
  broke(): boolean {
    const guids = this.#onTheWay;
    this.#onTheWay = [];
    const [first] = guids;
    if (first === undefined) return false;
    for (const guid of guids) this.#suspects.add(guid);
    if (guids.length > 1) return true;
    this.#breaks.set(first, (this.#breaks.get(first) ?? 0) + 1);
    return [...this.#breaks.keys()].filter((guid) => this.isGivenUp(guid)).length < MOST_GIVEN_UP;
  }

  isSuspect(guid: string): boolean {
    return this.#suspects.has(guid);
  }

  isGivenUp(guid: string): boolean {
    return (this.#breaks.get(guid) ?? 0) >= ATTEMPTS;
  }
}
