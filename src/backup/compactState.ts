/**
 * The state at the horizon as lines of the log: what every line before it has come to. Each mailbox, record and item comes with the time at
 * which it came to be so; what was before that is gone.
 */
import type { IndexFile } from '../index/indexFile.ts';
import { RESEND_KEY } from '../index/foldMailbox.ts';
import { itemEvents, mailboxAt, mailboxEvents } from '../index/retained.ts';
import type { MailboxEvent } from '../index/retained.ts';
import { parseState } from '../index/state.ts';
import type { FoldLine, Item } from '../index/types.ts';
import { KeyValues } from '../protocol/dlist.ts';
import { itemLine } from './itemLine.ts';
import { recordItem } from './recordItem.ts';

/** Some hundred kilobytes of text. */
const RECORDS_A_LINE = 1024;

/** A line, and the last of the chunks that hold messages which its records name; null: none does. */
export interface StateLine {
  readonly line: FoldLine;
  readonly chunkId: number | null;
}

/** By time. */
export function* stateLines(index: IndexFile, horizon: number): Generator<StateLine> {
  const items = itemEvents(index, horizon);
  try {
    let item = items.next();
    for (const event of mailboxEvents(index, horizon, RECORDS_A_LINE)) {
      for (; item.done !== true && item.value.since < event.time; item = items.next())
        yield stateOfItem(item.value);
      yield* mailboxLines(index, event, horizon);
    }
    for (; item.done !== true; item = items.next()) yield stateOfItem(item.value);
  } finally {
    items.return?.();
  }
}

function stateOfItem(item: Item): StateLine {
  return { line: itemLine(item, item.since), chunkId: null };
}

function* mailboxLines(
  index: IndexFile,
  { time, mailboxId, records, isLast }: MailboxEvent,
  horizon: number,
): Generator<StateLine> {
  const mailbox = mailboxAt(index, mailboxId, horizon);
  // It came to be after the horizon: the lines from there on say all.
  if (mailbox === undefined) return;
  const value = new KeyValues([
    ...parseState(mailbox.state).entries,
    // Settled by the lines behind, or by what compactRewrite.ts ends the file with.
    [RESEND_KEY, '0'],
    ['RECORD', records.map(recordItem)],
  ]);
  const lastChunkId = records.reduce((last, { chunk_id: id }) => Math.max(last, id ?? 0), 0);
  const chunkId = records.length === 0 ? null : lastChunkId;
  yield { line: { time, name: 'MAILBOX', value }, chunkId };
  if (mailbox.deleted !== null && isLast) {
    yield { line: { time, name: 'UNMAILBOX', value: mailbox.name }, chunkId: null };
  }
}
