/**
 * Remembers, across connections, which messages were being sent when the connection broke. The
 * suspects are then sent one by one. This finds the message that breaks the connection, so that
 * only this message is skipped.
 */

/** How often one message, sent by itself, may break the connection. */
const ATTEMPTS = 2;
/** After this many skipped messages in one mailbox, the fault is the server's. */
const MOST_GIVEN_UP = 5;

export class UploadMemory {
  #onTheWay: readonly string[] = [];
  readonly #suspects = new Set<string>();
  readonly #breaks = new Map<string, number>();

  /** Call before a command with the GUIDs of its messages, and after it with an empty list. */
  sending(guids: readonly string[]): void {
    this.#onTheWay = guids;
  }

  /** Call when the connection broke. Returns whether another try will find out more. */
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
