/** What a backup holds of a mailbox, read from its files beside whoever writes them. */
import { BackupReader } from '../../src/backup/reader.ts';
import { recordItem } from '../../src/backup/lines/recordItem.ts';
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import { livingMailboxes, mailboxByName, records } from '../../src/index/queries/current.ts';
import { printDlist } from '../../src/protocol/print.ts';

/** The records as `RECORD (...)` of a MAILBOX line has them, expunged ones too. */
export function heldRecords(path: string, mboxname: string): string {
  return reading(path, ({ index }) => recordList(index, mboxname));
}

/**
 * Of all mailboxes that the master has, as heldRecords, by internal name: deleted ones too; intermediate ones, which no client can select, not.
 * All at one moment: a writer may rename one meanwhile.
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
  const items = [...records(index, mailbox.id)].map((record) => printDlist(recordItem(record), 'client'));
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
