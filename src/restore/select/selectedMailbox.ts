/**
 * A mailbox selected for the restore, in its state at the chosen time, with the selected records.
 */
import type { Mailbox } from '../../index/types.ts';
import type { KeyValues } from '../../protocol/dlist.ts';
import type { SourceRecord } from '../source.ts';

export interface SelectedMailbox {
  readonly mailbox: Mailbox;
  /** All keys that its master sent. */
  readonly state: KeyValues;
  /** True if all records are selected, so that the mailbox can be recreated exactly as it was. */
  readonly isWhole: boolean;
  /**
   * Returns the selected records by UID, from the start at each call. Expunged ones are included
   * only if they are selected.
   */
  records(): Iterable<SourceRecord>;
  /** Returns every record, including expunged ones with their mark, for an exact copy. */
  allRecords(): Iterable<SourceRecord>;
}
