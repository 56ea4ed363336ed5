/** Changes mailboxes of a living server for an undo. Each change asks first if it still applies. */
import { mailboxByUniqueid } from '../../index/queries/mailboxes.ts';
import type { Mailbox } from '../../index/types.ts';
import { parseState } from '../../index/fold/state.ts';
import { KeyValues, optionalString } from '../../protocol/dlist.ts';
import { printItem } from '../../protocol/print.ts';
import { changeMailbox } from '../../restore/cyrus/changeMailbox.ts';
import { CyrusDestination } from '../../restore/cyrus/cyrusDestination.ts';
import { additiveOptions } from '../../restore/cyrus/job.ts';
import type { CyrusJob } from '../../restore/cyrus/job.ts';
import { fullMailbox, mailboxesByName } from '../../restore/cyrus/state/serverState.ts';
import type { FullMailbox, ServerMailbox, ServerRecord } from '../../restore/cyrus/state/serverState.ts';
import type { SyncClient } from '../../restore/cyrus/syncClient.ts';
import { newOutcome } from '../../restore/report/outcome.ts';
import type { RestoreSource, SourceRecord } from '../../restore/source.ts';
import { UploadMemory } from '../../restore/uploadMemory.ts';
import { withoutChange } from './flags.ts';
import type { FlagChange } from './flags.ts';
import type { MovedMessage } from './moves.ts';
import type { ChangedAcl } from './settings.ts';

export interface LiveOptions {
  readonly client: SyncClient;
  readonly source: RestoreSource;
  readonly isPlan: boolean;
  readonly deletedPrefix: string;
}

export class LiveMailboxes {
  readonly #options: LiveOptions;
  readonly #job: CyrusJob;

  constructor(options: LiveOptions) {
    this.#options = options;
    const { client, source, isPlan, deletedPrefix } = options;
    this.#job = {
      ...additiveOptions({ isPlan, isExact: false, deletedPrefix }),
      client,
      source,
      isCautious: false,
      uploads: new UploadMemory(),
      foldersWith: () => new Set(),
      holderOf: () => undefined,
      ownersAcl: () => '',
    };
  }

  /** Returns false if the mailbox has another name by now, or something has the name. */
  async rename(uniqueid: string, from: string, to: string): Promise<boolean> {
    const { client, isPlan } = this.#options;
    const found = await mailboxesByName(client, [from, to]);
    const there = found.get(from);
    if (there?.uniqueid !== uniqueid || found.has(to)) return false;
    const names = new KeyValues([
      ['OLDMBOXNAME', from],
      ['NEWMBOXNAME', to],
      ['PARTITION', there.partition],
      ['UIDVALIDITY', String(there.uidvalidity)],
    ]);
    if (!isPlan) await client.apply(printItem('RENAME', names, 'log'));
    return true;
  }

  /** Returns how many messages were changed. */
  async takeBackFlags(uniqueid: string, changes: readonly FlagChange[]): Promise<number> {
    const full = await this.#whole(uniqueid);
    if (full === undefined) return 0;
    const living = livingOf(full);
    const pairs = changes.flatMap((change): [SourceRecord, ServerRecord][] => {
      const there = living.get(change.record.uid);
      if (there?.guid !== change.record.guid) return [];
      return [[{ ...change.record, expunged: null, flags: withoutChange(there.flags, change) }, there]];
    });
    return this.#change(full.mailbox, pairs);
  }

  /** Returns false if the rights are others by now. */
  async takeBackAcl({ mailbox, before, after }: ChangedAcl): Promise<boolean> {
    const server = (await mailboxesByName(this.#options.client, [mailbox.name])).get(mailbox.name);
    if (server?.uniqueid !== mailbox.uniqueid || optionalString(server.state, 'ACL') !== after) return false;
    const settings = new Map([['ACL', before]]);
    await changeMailbox(this.#job, undefined, server.name, [], { isFlagsOnly: true, settings });
    return true;
  }

  /**
   * Adds the messages to the mailbox that they came from, and expunges the copies. Returns how many
   * came back, by the name of the mailbox that they were in.
   */
  async moveBack(mailbox: Mailbox, moved: readonly MovedMessage[]): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const byFolder = new Map<string, MovedMessage[]>();
    for (const each of moved) {
      const { uniqueid } = each.to.mailbox;
      const others = byFolder.get(uniqueid);
      if (others === undefined) byFolder.set(uniqueid, [each]);
      else others.push(each);
    }
    for (const [uniqueid, messages] of byFolder) {
      const full = await this.#whole(uniqueid);
      if (full === undefined) continue;
      const living = livingOf(full);
      const still = messages.filter(({ record, to }) => living.get(to.uid)?.guid === record.guid);
      if (still.length === 0) continue;
      const name = await this.#addTo(
        mailbox,
        still.map(({ record, to }) => ({ ...record, flags: living.get(to.uid)?.flags ?? record.flags })),
      );
      const back = await this.#arrived(name, still);
      const pairs = back.flatMap(({ record, to }): [SourceRecord, ServerRecord][] => {
        const there = living.get(to.uid);
        const flags = `${there?.flags ?? ''} \\Deleted \\Expunged`.trim();
        return there === undefined ? [] : [[{ ...record, expunged: null, flags }, there]];
      });
      counts.set(full.mailbox.name, await this.#change(full.mailbox, pairs));
    }
    return counts;
  }

  /** Adds messages to a mailbox under its present name, which it returns. */
  async #addTo(mailbox: Mailbox, records: readonly SourceRecord[]): Promise<string> {
    const { client, source, isPlan, deletedPrefix } = this.#options;
    const target = mailboxByUniqueid(source.reader.index, mailbox.uniqueid)?.name ?? mailbox.name;
    const selected = {
      mailbox,
      state: parseState(mailbox.state),
      isWhole: false,
      records: () => records,
      allRecords: () => records,
    };
    const move = { selected, target, uploads: new UploadMemory() };
    const destination = new CyrusDestination(client, { ...this.#job, isPlan, deletedPrefix });
    await destination.prepare(source, [move]);
    await destination.restoreMailbox(move, newOutcome(mailbox.name, target), false);
    return target;
  }

  /** Returns the messages that the mailbox holds now. In a plan these are all. */
  async #arrived(name: string, moved: readonly MovedMessage[]): Promise<readonly MovedMessage[]> {
    if (this.#options.isPlan) return moved;
    const full = await fullMailbox(this.#options.client, name);
    const guids = new Set(
      (full?.records ?? []).flatMap(({ guid, isExpunged }) => (isExpunged ? [] : [guid])),
    );
    return moved.filter(({ record }) => guids.has(record.guid));
  }

  async #change(mailbox: ServerMailbox, pairs: readonly [SourceRecord, ServerRecord][]): Promise<number> {
    const outcome = newOutcome(mailbox.name, mailbox.name);
    await changeMailbox(this.#job, outcome, mailbox.name, pairs, { isFlagsOnly: true, settings: new Map() });
    return outcome.changed;
  }

  /** Returns the mailbox with this uniqueid under the name that the backup knows. */
  async #whole(uniqueid: string): Promise<FullMailbox | undefined> {
    const known = mailboxByUniqueid(this.#options.source.reader.index, uniqueid);
    const full = known === undefined ? undefined : await fullMailbox(this.#options.client, known.name);
    return full?.mailbox.uniqueid === uniqueid ? full : undefined;
  }
}

function livingOf(full: FullMailbox): Map<number, ServerRecord> {
  return new Map(
    full.records.flatMap((record) => (record.isExpunged ? [] : [[record.uid, record] as const])),
  );
}
