/** A mailbox chosen for restoring, as it was at the moment chosen, with those of its records that are meant. */
import type { Mailbox } from '../../index/types.ts';
import type { KeyValues } from '../../protocol/dlist.ts';
import type { SourceRecord } from '../source.ts';

export interface SelectedMailbox {
  readonly mailbox: Mailbox;
  /** All keys that its master sent. */
  readonly state: KeyValues;
  /** All of its records are meant, so it can be made again exactly as it was. */
  readonly isWhole: boolean;
  /** By UID; each call starts anew. Expunged ones only where they are meant. */
  records(): Iterable<SourceRecord>;
  /** Every record, expunged ones with their mark: for making it exactly as it was. */
  allRecords(): Iterable<SourceRecord>;
}
