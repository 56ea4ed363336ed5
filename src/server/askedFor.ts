/**
 * What a session's master was asked to send, and whether it has said that it cannot: so that a message which a master can never
 * supply is asked for once, and not in every round (decision 27).
 *
 * sync_client sends NIL in place of a message whose file is gone, cut or not what its GUID says (imap/dlist.c, printfile). NIL
 * does not name the message; it is one of those that the MAILBOX behind it records and that are not here.
 */
import { mailboxByUniqueid } from '../index/queries.ts';
import { firstToAskFor, setUndelivered } from '../index/missing.ts';
import type { IndexFile } from '../index/indexFile.ts';
import type { LiveMailbox } from '../index/types.ts';
import { resend } from '../index/foldCompare.ts';
import type { Turn } from '../backup/options.ts';

/** A message that a master could not send is asked for again after this time. */
const AGAIN_AFTER_S = 24 * 3600;
/** GUIDs that are remembered; beyond, a message may be asked for once more. */
const MOST_GUIDS = 100_000;
/** Marked in one transaction. */
const MARKED_A_TURN = 256;

export class AskedFor {
  readonly #guids = new Set<string>();
  readonly #users = new Set<string>();
  #hasSentNil = false;

  /** RESERVE has answered that these are missing. */
  add(guids: readonly string[]): void {
    for (const guid of guids) {
      if (this.#guids.size >= MOST_GUIDS) return;
      this.#guids.add(guid);
    }
  }

  /** A MESSAGE had NIL in place of a file. */
  sentNil(): void {
    this.#hasSentNil = true;
  }

  /** A session may ask for all that a user lacks once: what was asked for in vain before, too. */
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
   * A MAILBOX has recorded messages that did not come. Notes those that were asked for, and returns them: they count as
   * undelivered from now on.
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

/** The first UID of a mailbox whose message is to be asked for; undefined where there is none. */
export async function firstToSend(
  index: IndexFile,
  mailbox: Pick<LiveMailbox, 'id' | 'missing_from'>,
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

/** Whether a mailbox is what its master has, so far as the master can be asked. */
export async function isInStep(
  index: IndexFile,
  uniqueid: string,
  context: { readonly turn: Turn; now(): number },
): Promise<boolean> {
  const mailbox = mailboxByUniqueid(index, uniqueid);
  if (mailbox === undefined) return true;
  if (mailbox.resend === resend.wanted) return false;
  return (await firstToSend(index, mailbox, context)) === undefined;
}
