/**
 * `ctl_backups list`: when each backup was last written to, and how large it is. It takes no lock and reads one row of
 * the index, so that a site's list takes seconds (the originals read the latest chunk in full, cyrus-imapd issue 4477).
 *
 * Messages that a master has recorded and could not send are named, as by verify.
 *
 * Where the index does not know the end of the data file (the originals', none, or one that is behind), the time is the
 * data file's own.
 */
import { futureNote, isInFuture } from '../backup/clock.ts';
import { lastWritten, missingInWords } from '../backup/figures.ts';
import { writeJson } from './commonJson.ts';
import type { FoundTarget } from './commonSelect.ts';
import { humanSize, localTime, textOf } from './commonText.ts';
import { failedToShow } from './ctlBackupsCommand.ts';
import type { CtlIo, CtlOptions, Outcome } from './ctlBackupsCommand.ts';

function humanLine(time: string, size: string, userid: string, path: string): string {
  return `${time.padEnd(19)}  ${size.padStart(10)}  ${userid.padEnd(30)}  ${path}\n`;
}

export const listHeading = humanLine('last written', 'size', 'userid', 'data file');

export function listOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Outcome {
  try {
    const { sizeBytes, lastTime, missingCount } = lastWritten(target.path, io.figures ?? null);
    const isAhead = isInFuture(lastTime);
    // One that lies ahead says nothing about when there was an update.
    if (lastTime !== null && !isAhead && options.staleHours !== null) {
      if (Date.now() / 1000 - lastTime < options.staleHours * 3600) return 'ok';
    }
    if (isAhead) io.stderr.write(`${target.label}: ${futureNote(lastTime)}\n`);
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
    // Not on standard output, which is read by programs that know the originals.
    if (!options.isJson) for (const name of missing ?? []) io.stderr.write(`${target.label}: ${name}\n`);
    return 'ok';
  } catch (error) {
    return failedToShow(error, target, io);
  }
}

/** The first of them, and how many more there are. */
function namesOf(path: string, count: number): string[] {
  const names = missingInWords(path);
  return names.length < count
    ? [...names, `${count - names.length} more messages are not in the backup`]
    : names;
}
