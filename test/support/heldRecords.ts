/** Reads from a backup's files what it holds of a mailbox, also while they are being written. */
import { BackupReader } from '../../src/backup/reader.ts';
import { recordItem } from '../../src/backup/lines/recordItem.ts';
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import { livingMailboxes, mailboxByName } from '../../src/index/queries/mailboxes.ts';
import { recordsOf } from '../../src/index/queries/records.ts';
import { printDlist } from '../../src/protocol/print.ts';

/** Returns the records in the form `RECORD (...)` of a MAILBOX line, expunged ones too. */
export function heldRecords(path: string, mboxname: string): string {
  return reading(path, ({ index }) => recordList(index, mboxname));
}

/**
 * Returns the same for all mailboxes that the master has, by internal name. Deleted mailboxes are
 * included; intermediate ones, which no client can select, are not. All are read from one snapshot,
 * because a writer may rename a mailbox meanwhile.
 */
export function allHeldRecords(path: string): Map<string, string> {
  return reading(path, ({ index }) =>
    index.snapshot(() => {
      const mailboxes = [...livingMailboxes(index)].filter(({ state }) => state.includes('LAST_UID '));
      return new Map(mailboxes.map(({ name }) => [name, recordList(index, name)]));
    }),
  );
}

function recordList(index: IndexFile, mboxname: string): string {
  const mailbox = mailboxByName(index, mboxname);
  if (mailbox === undefined) throw new Error(`${index.path}: no mailbox ${mboxname}`);
  const items = [...recordsOf(index, mailbox.id)].map((record) => printDlist(recordItem(record), 'client'));
  return ` RECORD (${items.join(' ')})`;
}

function reading<T>(path: string, look: (reader: BackupReader) => T): T {
  const reader = new BackupReader(path);
  try {
    return look(reader);
  } finally {
    reader.close();
  }
}
