/**
 * `ctl_backups list`: when each backup was last written to, and how large it is. It takes no lock and reads one row of
 * the index, so that a site's list takes seconds (the originals read the latest chunk in full, cyrus-imapd issue 4477).
 *
 * Where the index does not know the end of the data file (the originals', none, or one that is behind), the time is the
 * data file's own.
 */
import { lastWritten } from '../backup/figures.ts';
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
    const { sizeBytes, lastTime } = lastWritten(target.path, io.figures ?? null);
    if (lastTime !== null && options.staleHours !== null) {
      if (Date.now() / 1000 - lastTime < options.staleHours * 3600) return 'ok';
    }
    const timestamp = lastTime === null ? '[unknown]' : localTime(lastTime);
    const userid = target.userid === null ? undefined : textOf(target.userid);
    if (options.isJson) writeJson(io, { timestamp, compressed: sizeBytes, userid, fname: target.path });
    else if (options.isHuman) {
      io.stdout.write(humanLine(timestamp, humanSize(sizeBytes), userid ?? '[unknown]', target.path));
    } else io.stdout.write(`${timestamp}\t${sizeBytes}\t${userid ?? '[unknown]'}\t${target.path}\n`);
    return 'ok';
  } catch (error) {
    return failedToShow(error, target, io);
  }
}
