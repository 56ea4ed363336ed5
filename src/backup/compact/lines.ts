/**
 * Reads the lines of a chunk that a compaction keeps, which are those after the horizon. Drops from
 * them the records that were expunged by the horizon and stayed expunged. A master repeats expunged
 * records for as long as it has them.
 */
import { flagNames, isExpungedFlag } from '../../index/fold/record.ts';
import { HORIZON_LINE } from '../../index/queries/horizon.ts';
import { RESEND_LINE } from '../../index/fold/resend.ts';
import { sqlHorizon } from '../../index/queries/retained.ts';
import type { RetainedSet } from '../../index/queries/retained.ts';
import { mailboxByUniqueid } from '../../index/queries/mailboxes.ts';
import type { Chunk, FoldLine } from '../../index/types.ts';
import { ChunkReader } from '../../log/read/chunkReader.ts';
import { KeyValues, getNumber, optionalString, toKeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { logLimits } from '../../protocol/limits.ts';
import { readLogLine } from '../../protocol/logDriver.ts';
import { BackupError } from '../../errors.ts';
import { fromLog } from '../lines/envelope.ts';

export interface LineTimes {
  /** The latest horizon allowed in the new log. Later horizons are reduced to this one. */
  readonly latestTime: number;
  /** The latest time of any line before this chunk. */
  readonly clock: number;
}

/** Yields the lines after the horizon, in order. Throws 'damaged'. */
export function* linesBehind(
  retained: RetainedSet,
  fd: number,
  chunk: Chunk,
  { latestTime, clock }: LineTimes,
): Generator<FoldLine> {
  const horizon = sqlHorizon(retained.horizon);
  const reader = new ChunkReader(fd, chunk.offset, chunk.fileEnd);
  try {
    let time = clock;
    for (let line = readLogLine(reader, logLimits); line !== null; line = readLogLine(reader, logLimits)) {
      time = Math.max(time, line.time);
      if (time <= horizon) continue;
      const kept = keptLine(retained, fromLog(line), latestTime);
      if (kept !== null) yield { ...kept, time };
    }
    if (reader.state !== 'complete') throw new BackupError('damaged', `chunk ${chunk.id} is not whole`);
  } finally {
    reader.close();
  }
}

/** Returns the part of a line that is kept, or null if no part is needed. */
function keptLine(retained: RetainedSet, line: FoldLine, latestTime: number): FoldLine | null {
  switch (line.name) {
    case 'MESSAGE': // messages are copied separately
    case 'RESERVE': // a RESERVE line of the original tools changes nothing
    case RESEND_LINE: // the resend states are written anew at the end of the file
      return null;
    case HORIZON_LINE: // a later horizon line was already written to the new file
      return retained.horizon !== undefined ? null : horizonLine(line, latestTime);
    case 'MAILBOX':
    case 'LOCAL_MAILBOX':
      return withoutLongGone(retained, line);
    case 'EXPUNGE':
      return mailboxOf(retained, line.value) === undefined ? null : line;
    default:
      return line;
  }
}

function horizonLine(line: FoldLine, latestTime: number): FoldLine {
  const time = getNumber(toKeyValues(line.value, line.name), 'HORIZON');
  return time <= latestTime ? line : { ...line, value: new KeyValues([['HORIZON', String(latestTime)]]) };
}

/** Returns the mailbox that a line names, if the compaction keeps that mailbox. */
function mailboxOf(retained: RetainedSet, value: Dlist): number | undefined {
  const uniqueid = value instanceof KeyValues ? optionalString(value, 'UNIQUEID') : undefined;
  const mailbox = uniqueid === undefined ? undefined : mailboxByUniqueid(retained.index, uniqueid);
  return mailbox !== undefined && retained.hasMailbox(mailbox.id) ? mailbox.id : undefined;
}

function withoutLongGone(retained: RetainedSet, line: FoldLine): FoldLine {
  const records = line.value instanceof KeyValues ? line.value.get('RECORD') : undefined;
  const mailboxId = mailboxOf(retained, line.value);
  if (!(line.value instanceof KeyValues) || !Array.isArray(records) || mailboxId === undefined) return line;
  const kept = records.filter((record) => !isExpungedBefore(retained, mailboxId, record));
  if (kept.length === records.length) return line;
  const entries = line.value.entries.map(([key, value]): [string, Dlist] => [
    key,
    key === 'RECORD' ? kept : value,
  ]);
  return { ...line, value: new KeyValues(entries) };
}

function isExpungedBefore(retained: RetainedSet, mailboxId: number, record: Dlist): boolean {
  if (!(record instanceof KeyValues)) return false;
  const flags = record.get('FLAGS');
  const isExpunged = Array.isArray(flags) && flags.flatMap(flagNames).some(isExpungedFlag);
  const uid = record.get('UID');
  return isExpunged && typeof uid === 'string' && retained.isLongGone(mailboxId, Number(uid));
}
