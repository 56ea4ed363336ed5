/**
 * Tracks which messages a session's master was asked to send, and whether the master has said that
 * it cannot send them. A message that a master can never supply is thus requested once, not in
 * every round (decision 27).
 *
 * sync_client sends NIL for a message whose file is gone, cut, or does not match its GUID
 * (imap/dlist.c, printfile). NIL does not name the message. The message is one of those that the
 * following MAILBOX records and that the backup lacks.
 */
import { mailboxByUniqueid } from '../index/queries/mailboxes.ts';
import { firstToAskFor, setUndelivered } from '../index/queries/missing.ts';
import type { IndexFile } from '../index/store/indexFile.ts';
import type { LiveMailbox } from '../index/types.ts';
import type { Turn } from '../backup/options.ts';

/** A message that a master could not send is requested again after this time. */
const AGAIN_AFTER_S = 24 * 3600;
/** The most GUIDs to remember. Beyond that, a message may be requested once more. */
const MOST_GUIDS = 100_000;
/** How many messages are marked in one transaction. */
const MARKED_A_TURN = 256;

export class AskedFor {
  readonly #guids = new Set<string>();
  readonly #users = new Set<string>();
  #hasSentNil = false;

  /** Records that RESERVE reported these messages as missing. */
  add(guids: readonly string[]): void {
    for (const guid of guids) {
      if (this.#guids.size >= MOST_GUIDS) return;
      this.#guids.add(guid);
    }
  }

  /** Records that a MESSAGE command had NIL in place of a file. */
  sentNil(): void {
    this.#hasSentNil = true;
  }

  /**
   * Reports whether this session may request again everything that a user's backup lacks, even
   * messages that a master could not send before. Returns true once for each user.
   */
  mayAskAgain(userid: string): boolean {
    if (this.#users.has(userid)) return false;
    this.#users.add(userid);
    return true;
  }

  clear(): void {
    this.#guids.clear();
    this.#hasSentNil = false;
  }

  /**
   * Call after a MAILBOX command has recorded messages that did not arrive. Marks the requested
   * ones as undelivered, and returns them.
   */
  async notDelivered(
    index: IndexFile,
    lacking: Iterable<string>,
    now: number,
    turn: Turn,
  ): Promise<string[]> {
    const undelivered = [...lacking].filter((guid) => this.#hasSentNil || this.#guids.has(guid));
    this.#hasSentNil = false;
    for (let at = 0; at < undelivered.length; at += MARKED_A_TURN) {
      index.transaction(() => {
        for (const guid of undelivered.slice(at, at + MARKED_A_TURN)) setUndelivered(index, guid, now);
      });
      await turn();
    }
    return undelivered;
  }
}

/**
 * Returns the first UID in a mailbox whose message must be requested. Returns undefined if there is
 * none.
 */
export async function firstToSend(
  index: IndexFile,
  mailbox: Pick<LiveMailbox, 'id' | 'missingFrom'>,
  context: { readonly turn: Turn; now(): number },
  isAskingAgain = false,
): Promise<number | undefined> {
  const askedSince = isAskingAgain ? Infinity : context.now() - AGAIN_AFTER_S;
  const steps = firstToAskFor(index, mailbox, askedSince);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await context.turn();
  }
}

/**
 * Reports whether a mailbox matches the master's, ignoring messages that need not be requested from
 * the master.
 */
export async function isInStep(
  index: IndexFile,
  uniqueid: string,
  context: { readonly turn: Turn; now(): number },
): Promise<boolean> {
  const mailbox = mailboxByUniqueid(index, uniqueid);
  if (mailbox === undefined) return true;
  if (mailbox.resend === 'wanted') return false;
  return (await firstToSend(index, mailbox, context)) === undefined;
}
