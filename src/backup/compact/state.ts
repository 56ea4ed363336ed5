/**
 * Writes the state at the horizon as lines of the log. The state is the result of all lines before
 * the horizon. Each mailbox, record and item keeps the time at which it reached its state. Its
 * earlier history is dropped.
 */
import { RESEND_KEY } from '../../index/fold/mailbox.ts';
import type { MailboxEvent, RetainedSet } from '../../index/queries/retained.ts';
import { parseState } from '../../index/fold/state.ts';
import type { FoldLine, Item } from '../../index/types.ts';
import { KeyValues } from '../../protocol/dlist.ts';
import { itemLine } from '../lines/itemLine.ts';
import { recordItem } from '../lines/recordItem.ts';

/** The number of records in one line. This many are several hundred kilobytes of text. */
const RECORDS_A_LINE = 1024;

/**
 * A line, and the id of the last chunk with messages that its records name; null if they name none.
 */
export interface StateLine {
  readonly line: FoldLine;
  readonly chunkId: number | null;
}

/** Yields the lines, ordered by time. */
export function* stateLines(retained: RetainedSet): Generator<StateLine> {
  const items = retained.itemEvents();
  try {
    let item = items.next();
    for (const event of retained.mailboxEvents(RECORDS_A_LINE)) {
      for (; item.done !== true && item.value.since < event.time; item = items.next())
        yield stateOfItem(item.value);
      yield* mailboxLines(retained, event);
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
  retained: RetainedSet,
  { time, mailboxId, records, isLast }: MailboxEvent,
): Generator<StateLine> {
  const mailbox = retained.mailbox(mailboxId);
  // The mailbox was created after the horizon. The kept lines describe it completely.
  if (mailbox === undefined) return;
  const value = new KeyValues([
    ...parseState(mailbox.state).entries,
    // The resend state is set by later lines, or by the lines that rewrite.ts writes at the end.
    [RESEND_KEY, '0'],
    ['RECORD', records.map(recordItem)],
  ]);
  const lastChunkId = records.reduce((last, { chunkId: id }) => Math.max(last, id ?? 0), 0);
  const chunkId = records.length === 0 ? null : lastChunkId;
  yield { line: { time, name: 'MAILBOX', value }, chunkId };
  if (mailbox.deleted !== null && isLast) {
    yield { line: { time, name: 'UNMAILBOX', value: mailbox.name }, chunkId: null };
  }
}
