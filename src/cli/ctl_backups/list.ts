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
import { writeJson } from '../common/json.ts';
import type { FoundTarget } from '../common/select.ts';
import { humanSize, localTime, textOf } from '../common/text.ts';
import { EMPTY, failedToShow, OK } from './command.ts';
import type { CtlIo, CtlOptions, Outcome } from './command.ts';

function humanLine(time: string, size: string, userid: string, path: string): string {
  return `${time.padEnd(19)}  ${size.padStart(10)}  ${userid.padEnd(30)}  ${path}\n`;
}

export const listHeading = humanLine('last written', 'size', 'userid', 'data file');

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
    const object = {
      timestamp,
      compressed: sizeBytes,
      userid,
      fname: target.path,
      missing_messages: missing,
    };
    if (options.isJson) writeJson(io, object);
    else if (options.isHuman) {
      io.stdout.write(humanLine(timestamp, humanSize(sizeBytes), userid ?? '[unknown]', target.path));
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
