/**
 * Restores one user to a Cyrus server. Each mailbox is handled in one of three ways:
 * - recreated exactly as it was (exactMailbox.ts)
 * - completed with the messages that it lacks (addToMailbox.ts)
 * - given back its flags only (flagsOnly.ts)
 */
import { recordsOfMessage } from '../../index/queries/records.ts';
import { ownerOf } from '../../mailbox/names.ts';
import { BackupError } from '../../errors.ts';
import type { Destination, Move } from '../destination.ts';
import { addTry, newOutcome } from '../report/outcome.ts';
import type { ItemOutcome, MailboxOutcome } from '../report/outcome.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import type { SyncClient } from './syncClient.ts';
import { UploadMemory } from '../uploadMemory.ts';
import { addToMailbox } from './addToMailbox.ts';
import { compareExactly, isComplete, restoreExactly } from './exactMailbox.ts';
import { restoreFlags } from './flagsOnly.ts';
import { restoreItems } from './items.ts';
import { WHAT } from './job.ts';
import type { CyrusJob, CyrusOptions, What } from './job.ts';
import { KeywordLimit, hasKeywords } from './keywordLimit.ts';
import { mailboxesByName, mailboxesByUniqueid } from './state/serverState.ts';
import type { ServerMailbox } from './state/serverState.ts';

/** All rights (cyrus-imapd lib/acl.h, ACL_ALL, as 3.x prints them). */
const OWNERS_RIGHTS = 'lrswipkxtecdan';

export class CyrusDestination implements Destination {
  readonly carries: ReadonlySet<What> = new Set(WHAT);
  readonly #client: SyncClient;
  readonly #options: CyrusOptions;
  #source: RestoreSource | undefined;
  /**
   * The server's mailboxes by target name, as they were at the start. Mailboxes created since then
   * are in #made.
   */
  #byName = new Map<string, ServerMailbox>();
  #byUniqueid = new Map<string, ServerMailbox>();
  readonly #made = new Set<string>();
  /** The target name of each mailbox of the backup, by mailbox ID. */
  readonly #targets = new Map<number, string>();
  readonly #uniqueids = new Map<number, string>();

  constructor(client: SyncClient, options: CyrusOptions) {
    this.#client = client;
    this.#options = options;
  }

  async prepare(source: RestoreSource, moves: readonly Move[]): Promise<void> {
    this.#source = source;
    const names = [...new Set(moves.map(({ target }) => target))];
    this.#byName = await mailboxesByName(this.#client, names);
    const uniqueids = moves.map(({ selected }) => selected.mailbox.uniqueid);
    this.#byUniqueid = await mailboxesByUniqueid(this.#client, uniqueids);
    for (const { selected, target } of moves) {
      this.#targets.set(selected.mailbox.id, target);
      this.#uniqueids.set(selected.mailbox.id, selected.mailbox.uniqueid);
    }
  }

  async restoreMailbox(move: Move, outcome: MailboxOutcome, isLastTry: boolean): Promise<void> {
    const { selected, target } = move;
    const job = this.#job(move.uploads, isLastTry);
    const known = this.#byName.get(target);
    const server = known?.isIntermediate === true ? undefined : known;
    if (this.#options.isFlagsOnly) {
      await restoreFlags(job, selected, outcome);
      return;
    }
    if (isIntermediate(move)) {
      if (known === undefined) await this.#makeIntermediate(job, move, outcome);
      return;
    }
    const hasMail = job.what.has('mail');
    if (server === undefined && !hasMail) {
      outcome.notes.push('not on the server');
      return;
    }
    const isExact =
      job.isExact && hasMail && selected.isWhole && !this.#made.has(target) && isComplete(selected);
    const limit = new KeywordLimit([], isExact ? selected.allRecords() : []);
    const all = (): Iterable<SourceRecord> =>
      mapped(selected.allRecords(), (record) => limit.limited(record));
    const exact = isExact ? { ...move, selected: { ...selected, allRecords: all } } : move;
    let isOver = true;
    try {
      isOver = await this.#tryExactly(job, exact, outcome, server, isExact);
    } finally {
      if (isOver) limit.report(outcome);
    }
    if (!isOver) await this.#add(job, move, outcome, server);
    this.#made.add(target);
  }

  restoreItems(isWholeUser: boolean): Promise<ItemOutcome[]> {
    return restoreItems(this.#job(new UploadMemory()), isWholeUser);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Returns whether the mailbox is finished. */
  async #tryExactly(
    job: CyrusJob,
    { selected }: Move,
    outcome: MailboxOutcome,
    server: ServerMailbox | undefined,
    isExact: boolean,
  ): Promise<boolean> {
    if (server === undefined) {
      if (isExact) await restoreExactly(job, selected, outcome, undefined);
      return isExact;
    }
    const isUntouched = job.existing === 'skip' && job.what.has('mail') && selected.isWhole;
    if (!isUntouched && !isExact) return false;
    const state = compareExactly(selected, server);
    if (state === 'same' && isUntouched) {
      for (const record of selected.records()) if (record.expunged === null) outcome.skipped += 1;
      return true;
    }
    if (!isExact) return false;
    if (state === 'behind') await restoreExactly(job, selected, outcome, server);
    // An administrator has just created this mailbox, and nobody has used it. The server itself
    // replaces it with the mailbox of the backup.
    else if (server.lastUid === 0 && server.uniqueid !== selected.mailbox.uniqueid) {
      await restoreExactly(job, selected, outcome, undefined);
    } else return false;
    return true;
  }

  /**
   * A mailbox may have used up its 128 keywords for messages that no longer exist, and the server
   * does not report that. It then refuses new keywords, or crashes on them. So if the server
   * refuses a mailbox, it is tried once more without new keywords.
   */
  async #add(
    job: CyrusJob,
    { selected, target }: Move,
    outcome: MailboxOutcome,
    server: ServerMailbox | undefined,
  ): Promise<void> {
    const there = this.#made.has(target) ? await this.#reread(target) : server;
    try {
      await addToMailbox(job, selected, outcome, there);
    } catch (error) {
      const isRefusal = error instanceof BackupError && error.kind === 'io' && !job.isCautious;
      if (!isRefusal || !hasKeywords(selected.records())) throw error;
      const again = newOutcome(outcome.source, target);
      await addToMailbox({ ...job, isCautious: true }, selected, again, await this.#reread(target));
      addTry(outcome, again);
    }
  }

  async #reread(target: string): Promise<ServerMailbox | undefined> {
    return (await mailboxesByName(this.#client, [target])).get(target);
  }

  async #makeIntermediate(job: CyrusJob, { selected, target }: Move, outcome: MailboxOutcome): Promise<void> {
    outcome.isNew = true;
    if (job.isPlan || !job.isExact) return;
    await restoreExactly(job, { ...selected, allRecords: () => [] }, outcome, undefined);
    this.#made.add(target);
  }

  #job(uploads: UploadMemory, isCautious = false): CyrusJob {
    const source = this.#source;
    if (source === undefined) throw new BackupError('bad-parameters', 'not prepared');
    return {
      ...this.#options,
      isCautious,
      uploads,
      client: this.#client,
      source,
      foldersWith: (records, target) => this.#foldersWith(source, records, target),
      holderOf: (uniqueid) => this.#byUniqueid.get(uniqueid)?.name,
      ownersAcl: (name) => ownersAcl(name, this.#options.deletedPrefix),
    };
  }

  /**
   * Returns the mailboxes that should hold these messages. To find a message in a mailbox, the
   * server scans all of it, so no other mailboxes are named.
   */
  #foldersWith(source: RestoreSource, records: readonly SourceRecord[], target: string): Set<string> {
    const holders = new Set<number>();
    for (const { mailboxId: id, messageId } of records) {
      holders.add(id);
      for (const other of recordsOfMessage(source.reader.index, messageId)) holders.add(other.mailboxId);
    }
    const folders = new Set<string>();
    for (const name of [target, ...[...holders].map((id) => this.#targets.get(id))]) {
      if (name !== undefined && (this.#byName.has(name) || this.#made.has(name))) folders.add(name);
    }
    // A deleted mailbox with the same uniqueid still has the message files.
    for (const id of holders) {
      const twin = this.#byUniqueid.get(this.#uniqueids.get(id) ?? '');
      if (twin !== undefined) folders.add(twin.name);
    }
    return folders;
  }
}

function* mapped<T>(items: Iterable<T>, each: (item: T) => T): Generator<T> {
  for (const item of items) yield each(item);
}

function isIntermediate({ selected }: Move): boolean {
  const type = selected.state.get('MBOXTYPE');
  return typeof type === 'string' && type.includes('i');
}

function ownersAcl(name: string, deletedPrefix: string): string {
  const owner = ownerOf(name, deletedPrefix);
  return owner === null ? 'anyone\tlrs\t' : `${owner}\t${OWNERS_RIGHTS}\t`;
}
