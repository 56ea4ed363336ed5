/**
 * Takes back on a living server what happened to one user between two times.
 *
 * 1. Mailboxes that were deleted are made as they were at the first time; messages that were
 *    deleted are added to their mailboxes again.
 * 2. Renamed mailboxes get their former names; moved messages go back.
 * 3. Flags and rights are set as they were.
 *
 * What changed since is left as it is, so a second run finds nothing to do. A plan is the same code
 * without the sending. What fails costs only itself.
 */
import { BackupError, messageOf } from '../../errors.ts';
import { isInbox } from '../../mailbox/names.ts';
import { KeyValues, getString, toKeyValues } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { printItem } from '../../protocol/print.ts';
import { CyrusDestination } from '../../restore/cyrus/cyrusDestination.ts';
import { compareExactly } from '../../restore/cyrus/exactMailbox.ts';
import { additiveOptions } from '../../restore/cyrus/job.ts';
import { mailboxesByName } from '../../restore/cyrus/state/serverState.ts';
import { readUserItems, scriptName } from '../../restore/cyrus/state/userItems.ts';
import type { SyncClient } from '../../restore/cyrus/syncClient.ts';
import type { Move } from '../../restore/destination.ts';
import { newOutcome } from '../../restore/report/outcome.ts';
import type { SelectedMailbox } from '../../restore/select/selectedMailbox.ts';
import { targetName } from '../../restore/select/targetName.ts';
import { RestoreSource } from '../../restore/source.ts';
import { UploadMemory } from '../../restore/uploadMemory.ts';
import { deletedMailboxes, deletedMessages } from './deletes.ts';
import { changedFlags } from './flags.ts';
import { LiveMailboxes } from './liveMailboxes.ts';
import { movedMessages, renamedMailboxes } from './moves.ts';
import { ITEM_KINDS, changedAcls, goneItems } from './settings.ts';
import { spannedMailboxes } from './times.ts';
import type { SpannedMailbox, Span } from './times.ts';

export const UNDO_KINDS = ['deletes', 'moves', 'flags', 'acl'] as const;
export type UndoKind = (typeof UNDO_KINDS)[number];

export interface UndoJob extends Span {
  readonly client: SyncClient;
  readonly userid: string;
  /** The path of the data file. */
  readonly path: string;
  readonly only: ReadonlySet<UndoKind>;
  /** True to report what would be done, and change nothing. */
  readonly isPlan: boolean;
}

/** Something that was taken back, or could not be. */
export interface UndoStep {
  readonly kind: UndoKind;
  /** Internal name of the mailbox; undefined for scripts and subscriptions. */
  readonly mailbox: string | undefined;
  /** The step in words: `31 messages added`. */
  readonly text: string;
  readonly isFailure: boolean;
}

/** Throws 'not-found' if the history of the first time was compacted away. */
export async function undoUser(job: UndoJob): Promise<UndoStep[]> {
  const source = new RestoreSource(job.userid, job.path, job.from);
  try {
    const mailboxes = spannedMailboxes(source.reader.index, job);
    const undo = new Undo(job, source, mailboxes);
    if (job.only.has('deletes')) await undo.deletes();
    if (job.only.has('moves')) await undo.moves();
    if (job.only.has('flags')) await undo.flags();
    if (job.only.has('acl')) await undo.acls();
    return undo.steps;
  } finally {
    source.close();
  }
}

class Undo {
  readonly steps: UndoStep[] = [];
  readonly #job: UndoJob;
  readonly #source: RestoreSource;
  readonly #mailboxes: readonly SpannedMailbox[];
  readonly #live: LiveMailboxes;

  constructor(job: UndoJob, source: RestoreSource, mailboxes: readonly SpannedMailbox[]) {
    this.#job = job;
    this.#source = source;
    this.#mailboxes = mailboxes;
    this.#live = new LiveMailboxes({ ...job, source });
  }

  async deletes(): Promise<void> {
    const gone = deletedMailboxes(this.#source, this.#mailboxes, this.#job);
    const server = await mailboxesByName(
      this.#job.client,
      gone.map(({ selected }) => selected.mailbox.name),
    );
    const whole = gone.filter(({ selected, isBack }) => {
      const there = server.get(selected.mailbox.name);
      return !isBack || (there !== undefined && compareExactly(selected, there) === 'behind');
    });
    const ids = new Set(whole.map(({ selected }) => selected.mailbox.id));
    const single = deletedMessages(this.#source, this.#job, ids);
    await this.#restore([...whole.map(({ selected }) => selected), ...single]);
    await this.#items();
  }

  /** Restores mailboxes, INBOX first: without one, a user does not exist. */
  async #restore(selections: readonly SelectedMailbox[]): Promise<void> {
    const { client, isPlan, deletedPrefix } = this.#job;
    if (selections.length === 0) return;
    const naming = { mailbox: undefined, into: [], keepsDeleted: false, deletedPrefix };
    const moves = selections.map((selected): Move => ({
      selected,
      target: targetName(selected.mailbox.name, naming),
      uploads: new UploadMemory(),
    }));
    const inOrder = moves.toSorted((a, b) => Number(isInbox(b.target)) - Number(isInbox(a.target)));
    const destination = new CyrusDestination(
      client,
      additiveOptions({ isPlan, isExact: true, deletedPrefix }),
    );
    await destination.prepare(this.#source, inOrder);
    for (const move of inOrder) {
      const outcome = newOutcome(move.selected.mailbox.name, move.target);
      await this.#try('deletes', move.target, () => destination.restoreMailbox(move, outcome, false));
      const added = outcome.isNew ? expectedMessages(move.selected) : outcome.added;
      if (outcome.isNew) this.#note('deletes', move.target, `made again, with ${added} messages`);
      else if (added > 0) this.#note('deletes', move.target, `${added} messages added`);
      for (const failure of outcome.failures) this.#note('deletes', move.target, failure, true);
    }
  }

  /** Scripts, the active one, and subscriptions. */
  async #items(): Promise<void> {
    const { client, userid, isPlan } = this.#job;
    const gone = ITEM_KINDS.map((kind) => [kind, goneItems(this.#source, kind, this.#job)] as const);
    if (gone.every(([, items]) => items.length === 0)) return;
    const server = await readUserItems(client, userid);
    const isThere = {
      sieve: (key: string) => server.scripts.has(key),
      active: () => server.active !== undefined,
      sub: (key: string) => server.subscriptions.has(key),
    };
    const verbs = { sieve: 'SIEVE', active: 'ACTIVATE_SIEVE', sub: 'SUB' } as const;
    const words = { sieve: 'script', active: 'active script', sub: 'subscription' } as const;
    for (const [kind, items] of gone) {
      for (const { key, value } of items.filter((item) => !isThere[kind](item.key))) {
        const kv = toKeyValues(parseDlist(value), kind);
        const keys = kv.entries.filter(([name]) => name !== 'USERID');
        const text = printItem(verbs[kind], new KeyValues([...keys, ['USERID', userid]]), 'log');
        if (!isPlan && !(await this.#try('deletes', undefined, async () => void (await client.apply(text)))))
          continue;
        const name = kind === 'active' ? scriptName(getString(kv, 'FILENAME')) : key;
        this.#note('deletes', undefined, `${words[kind]} ${name}`);
      }
    }
  }

  async moves(): Promise<void> {
    for (const { mailbox, from, to } of renamedMailboxes(this.#mailboxes)) {
      await this.#try('moves', to, async () => {
        if (await this.#live.rename(mailbox.uniqueid, to, from))
          this.#note('moves', to, `renamed to ${from}`);
      });
    }
    for (const spanned of this.#mailboxes) {
      const moved = movedMessages(this.#source, spanned, this.#job);
      if (moved.length === 0) continue;
      const { name } = spanned.before;
      await this.#try('moves', name, async () => {
        const counts = await this.#live.moveBack(spanned.before, moved);
        for (const [folder, count] of counts)
          this.#note('moves', name, `${count} messages back from ${folder}`);
      });
    }
  }

  async flags(): Promise<void> {
    for (const spanned of this.#mailboxes) {
      const changes = changedFlags(this.#source, spanned, this.#job);
      const name = (spanned.since.at(-1) ?? spanned.after ?? spanned.before).name;
      if (changes.length === 0) continue;
      await this.#try('flags', name, async () => {
        const count = await this.#live.takeBackFlags(spanned.before.uniqueid, changes);
        if (count > 0) this.#note('flags', name, `flags of ${count} messages`);
      });
    }
  }

  async acls(): Promise<void> {
    for (const change of changedAcls(this.#mailboxes)) {
      const { name } = change.mailbox;
      await this.#try('acl', name, async () => {
        if (!(await this.#live.takeBackAcl(change))) return;
        const rights = [change.after, change.before].map((acl) => acl.trim().replaceAll('\t', ' '));
        this.#note('acl', name, `${rights[0]} -> ${rights[1]}`);
      });
    }
  }

  /** Runs a step. A refusal of the server fails only this step, a broken connection the run. */
  async #try(kind: UndoKind, mailbox: string | undefined, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof BackupError) || error.kind === 'closed') throw error;
      this.#note(kind, mailbox, messageOf(error), true);
      return false;
    }
  }

  #note(kind: UndoKind, mailbox: string | undefined, text: string, isFailure = false): void {
    this.steps.push({ kind, mailbox, text, isFailure });
  }
}

function expectedMessages(selected: SelectedMailbox): number {
  let count = 0;
  for (const record of selected.records()) if (record.expunged === null) count += 1;
  return count;
}
