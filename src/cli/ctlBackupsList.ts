/**
 * `ctl_backups list`: when each backup was last written to, and how large it is. It takes no lock and reads one row of
 * the index, so that a site's list takes seconds (the originals read the latest chunk in full, cyrus-imapd issue 4477).
 *
 * Where the index does not know the end of the data file (the originals', none, or one that is behind), the time is the
 * data file's own.
 */
import { statSync } from 'node:fs';
import { indexPath } from '../backup/options.ts';
import { BackupError, asBackupError, messageOf } from '../errors.ts';
import { IndexFile } from '../index/indexFile.ts';
import { lastChunk } from '../index/queries.ts';
import type { FoundTarget } from './commonSelect.ts';
import { localTime, textOf, writeJson } from './commonText.ts';
import type { CtlOptions, Outcome } from './ctlBackups.ts';
import type { CliIo } from './io.ts';

export function listOne(target: FoundTarget, options: CtlOptions, io: CliIo): Outcome {
  try {
    const { sizeBytes, lastTime } = lastWritten(target.path);
    if (lastTime !== null && options.staleHours !== null) {
      if (Date.now() / 1000 - lastTime < options.staleHours * 3600) return 'ok';
    }
    const timestamp = lastTime === null ? '[unknown]' : localTime(lastTime);
    const userid = target.userid === null ? undefined : textOf(target.userid);
    if (options.isJson) writeJson(io, { timestamp, compressed: sizeBytes, userid, fname: target.path });
    else io.stdout.write(`${timestamp}\t${sizeBytes}\t${userid ?? '[unknown]'}\t${target.path}\n`);
    return 'ok';
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    io.stderr.write(`${target.label}: ${messageOf(error)}\n`);
    return 'failed';
  }
}

interface Look {
  readonly sizeBytes: number;
  /** Unix seconds; null where nothing was ever written. */
  readonly lastTime: number | null;
}

/** Of a backup, without a lock. Throws where the data file is not there. */
export function lastWritten(path: string): Look {
  const { size, mtimeMs } = dataFile(path);
  if (size === 0) return { sizeBytes: 0, lastTime: null };
  const index = IndexFile.open(indexPath(path), 'read');
  try {
    const last = index === null ? undefined : lastChunk(index);
    const isKnown = last !== undefined && last.file_end === size;
    return { sizeBytes: size, lastTime: isKnown ? last.ts_end : Math.floor(mtimeMs / 1000) };
  } finally {
    index?.close();
  }
}

function dataFile(path: string): { size: number; mtimeMs: number } {
  try {
    return statSync(path);
  } catch (error) {
    throw asBackupError(error, path);
  }
}
