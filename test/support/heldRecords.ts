/** What a backup holds of a mailbox, read from its files beside whoever writes them. */
import { BackupReader } from '../../src/backup/reader.ts';
import { recordItem } from '../../src/backup/recordItem.ts';
import { livingMailboxes, mailboxByName, records } from '../../src/index/queries.ts';
import { printDlist } from '../../src/protocol/print.ts';

/** The records as `RECORD (...)` of a MAILBOX line has them, expunged ones too. */
export function heldRecords(path: string, mboxname: string): string {
  return reading(path, ({ index }) => {
    const mailbox = mailboxByName(index, mboxname);
    if (mailbox === undefined) throw new Error(`${path}: no mailbox ${mboxname}`);
    const items = [...records(index, mailbox.id)].map((record) => printDlist(recordItem(record), 'client'));
    return ` RECORD (${items.join(' ')})`;
  });
}

/** Internal names of the mailboxes that the master has, deleted ones too; intermediate ones, which no client can select, not. */
export function heldMailboxes(path: string): string[] {
  return reading(path, ({ index }) =>
    [...livingMailboxes(index)].filter(({ state }) => state.includes('LAST_UID ')).map(({ name }) => name),
  );
}

function reading<T>(path: string, look: (reader: BackupReader) => T): T {
  const reader = new BackupReader(path);
  try {
    return look(reader);
  } finally {
    reader.close();
  }
}
