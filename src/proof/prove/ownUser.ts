/**
 * One user's backup, read for a comparison with the server: the mailboxes with checksums that are
 * computed anew from their records, and a random sample of messages.
 */
import { crcsOfRecord, noCrcs, withCrcs } from '../../index/queries/crcs.ts';
import type { Crcs } from '../../index/queries/crcs.ts';
import { parseState } from '../../index/fold/state.ts';
import type { LiveMailbox } from '../../index/types.ts';
import { initialAnnotCrc } from '../../protocol/crc.ts';
import type { KeyValues } from '../../protocol/dlist.ts';
import type { RestoreSource, SourceRecord } from '../../restore/source.ts';

export interface OwnMailbox {
  readonly mailbox: LiveMailbox;
  readonly state: KeyValues;
  /** Computed from the records. `mailbox.crc` is what the index has stored. */
  readonly crcs: Crcs;
  readonly messages: number;
}

/** A message of the sample, with the mailbox that it is in. */
export interface SampledMessage {
  readonly mailbox: LiveMailbox;
  readonly record: SourceRecord;
}

export interface OwnUser {
  /** The mailboxes that the server should have, by uniqueid. */
  readonly mailboxes: ReadonlyMap<string, OwnMailbox>;
  readonly sample: readonly SampledMessage[];
  readonly messages: number;
}

/** Each living message is in the sample with the same probability (Vitter's algorithm R). */
export class Reservoir<T> {
  readonly chosen: T[] = [];
  readonly #size: number;
  readonly #random: () => number;
  #seen = 0;

  constructor(size: number, random: () => number) {
    this.#size = size;
    this.#random = random;
  }

  offer(item: T): void {
    this.#seen += 1;
    if (this.chosen.length < this.#size) this.chosen.push(item);
    else {
      const at = Math.floor(this.#random() * this.#seen);
      if (at < this.#size) this.chosen[at] = item;
    }
  }
}

export interface SampleOptions {
  /** How many messages of a user are read; Infinity for all. */
  readonly sampleSize: number;
  readonly random: () => number;
}

/** `only`: the uniqueids to read; undefined for all mailboxes of the user. */
export function readOwnUser(
  source: RestoreSource,
  { sampleSize, random }: SampleOptions,
  only?: ReadonlySet<string>,
): OwnUser {
  const mailboxes = new Map<string, OwnMailbox>();
  const reservoir = new Reservoir<SampledMessage>(sampleSize, random);
  let messages = 0;
  for (const mailbox of source.knownMailboxes()) {
    if (mailbox.deleted !== null || (only !== undefined && !only.has(mailbox.uniqueid))) continue;
    let crcs: Crcs = { ...noCrcs, crcAnnot: initialAnnotCrc };
    let count = 0;
    for (const record of source.records(mailbox)) {
      if (record.expunged !== null) continue;
      crcs = withCrcs(crcs, crcsOfRecord(record));
      count += 1;
      reservoir.offer({ mailbox, record });
    }
    messages += count;
    const state = parseState(mailbox.state);
    mailboxes.set(mailbox.uniqueid, { mailbox, state, crcs, messages: count });
  }
  return { mailboxes, sample: reservoir.chosen, messages };
}
