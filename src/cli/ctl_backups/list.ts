/**
 * `ctl_backups list`: prints when each backup was last written to, and its size. Takes no lock and
 * reads one row of the index, so that listing a whole site takes seconds. The originals read the
 * latest chunk in full (cyrus-imapd issue 4477).
 *
 * Like `verify`, the command names messages that a master has recorded but could not send.
 *
 * If the index does not describe the end of the data file, the printed time is the data file's
 * modification time. Such an index is missing, out of date, or was written by the original Cyrus
 * tools.
 */
import { futureNote, isInFuture } from '../../backup/clock.ts';
import { lastWritten, missingInWords } from '../../backup/admin/backupStats.ts';
import type { UserResults } from '../../status/types.ts';
import { writeJson } from '../common/json.ts';
import { statusObject } from '../common/statusObject.ts';
import type { FoundTarget } from '../common/select.ts';
import { humanSize, localTime, textOf } from '../common/text.ts';
import { EMPTY, failedToShow, OK } from './command.ts';
import type { CtlIo, CtlOptions, Outcome } from './command.ts';

function humanLine(
  columns: readonly [time: string, size: string, userid: string, synced: string],
  path: string,
): string {
  const [time, size, userid, synced] = columns;
  return `${time.padEnd(19)}  ${size.padStart(10)}  ${userid.padEnd(30)}  ${synced.padEnd(19)}  ${path}\n`;
}

export const listHeading = humanLine(['last written', 'size', 'userid', 'last sync'], 'data file');

/** The last successful sync, as backupd recorded it, with a mark if a later one failed. */
function syncedText({ ok, failed }: UserResults): string {
  const text = ok.sync === undefined ? 'unknown' : localTime(Math.floor(ok.sync.at));
  return (failed.sync?.at ?? 0) > (ok.sync?.at ?? 0) ? `${text} FAILING` : text;
}

export function listOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Outcome {
  try {
    const { sizeBytes, lastTime, missingCount } = lastWritten(target.path, io.figures ?? null);
    const isAhead = isInFuture(lastTime);
    // A time in the future is wrong, so the time of the last update is unknown.
    if (lastTime !== null && !isAhead && options.staleHours !== null) {
      if (Date.now() / 1000 - lastTime < options.staleHours * 3600) return OK;
    }
    if (isAhead) io.stderr.write(`${target.label}: ${futureNote(lastTime)}\n`);
    // The originals' line for an empty backup says little.
    if (sizeBytes === 0 && !options.isJson) io.stderr.write(`${target.label}: ${EMPTY}\n`);
    const timestamp = lastTime === null ? '[unknown]' : localTime(lastTime);
    const userid = target.userid === null ? undefined : textOf(target.userid);
    const missing = missingCount === 0 ? undefined : namesOf(target.path, missingCount);
    const results = target.userid === null ? undefined : io.status?.readUser(target.userid);
    const object = {
      timestamp,
      compressed: sizeBytes,
      userid,
      fname: target.path,
      missing_messages: missing,
      status: results === undefined ? undefined : statusObject(results),
    };
    if (options.isJson) writeJson(io, object);
    else if (options.isHuman) {
      const synced = results === undefined ? 'unknown' : syncedText(results);
      const columns = [timestamp, humanSize(sizeBytes), userid ?? '[unknown]', synced] as const;
      io.stdout.write(humanLine(columns, target.path));
    } else io.stdout.write(`${timestamp}\t${sizeBytes}\t${userid ?? '[unknown]'}\t${target.path}\n`);
    // Scripts written for the original tools parse standard output. So these notes go to standard
    // error.
    if (!options.isJson) for (const name of missing ?? []) io.stderr.write(`${target.label}: ${name}\n`);
    return OK;
  } catch (error) {
    return failedToShow(error, target, io);
  }
}

/** Names the first missing messages and the number of the other ones. */
function namesOf(path: string, count: number): string[] {
  const names = missingInWords(path);
  return names.length < count
    ? [...names, `${count - names.length} more messages are not in the backup`]
    : names;
}
