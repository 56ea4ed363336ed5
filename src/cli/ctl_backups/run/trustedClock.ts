/**
 * Decides whether the machine's clock can be trusted for work that cannot be undone: compaction
 * drops what is older than the retention, and retime rewrites timestamps. The lines of the backups
 * serve as evidence: on a site in use, some backup has a line that is a few days old.
 *
 * A line from the last day proves nothing, because its time comes from the clock in question. So
 * after the clock jumps ahead, the work is refused at once, even if masters continue to replicate.
 * The clock is trusted again only after a day.
 */
import { indexPath } from '../../../backup/options.ts';
import { Catalog } from '../../../catalog/catalog.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { BackupError } from '../../../errors.ts';
import { disk } from '../../../fs/disk/current.ts';
import { IndexFile } from '../../../index/store/indexFile.ts';
import { lastTimestamp, timestampsAtOrBefore } from '../../../index/queries/timestamps.ts';
import { timestampText } from '../../../mailbox/timestamp.ts';
import { readOnlyCatalog } from '../../../catalog/catalogOptions.ts';

const DAY_SECONDS = 86_400;
const RECENT_DAYS = 7;

export interface Witnesses {
  /** Data files to read in addition to those of backups.db. */
  readonly files: readonly string[];
  /** True to trust the clock if no line is older than a day: then no old data can be lost. */
  readonly trustsNewSite: boolean;
}

/**
 * Returns the time that counts as now: the clock's time, but no later than the newest line that was
 * found. So a horizon never passes the newest line minus the retention.
 *
 * Reads as few backups as possible. Throws 'refused' if no backup has a line that is one to seven
 * days old.
 */
export function trustedPresent(config: Config, nowS: number, { files, trustsNewSite }: Witnesses): number {
  const [recent, today] = [nowS - RECENT_DAYS * DAY_SECONDS, nowS - DAY_SECONDS];
  let newest = 0;
  let newestOld = 0;
  for (const path of dataFiles(config, files)) {
    const { last, old } = linesOf(path, today);
    newest = Math.max(newest, last);
    newestOld = Math.max(newestOld, old);
    if (newestOld >= recent && newest >= today) break;
  }
  if (newestOld >= recent || (newestOld === 0 && trustsNewSite)) return Math.min(nowS, newest);
  const found =
    newestOld === 0
      ? 'there is none older than a day'
      : `the newest before is of ${timestampText(newestOld)}`;
  throw new BackupError(
    'refused',
    `the clock says ${timestampText(nowS)}, and no backup has a line that is one to ${RECENT_DAYS} days old (${found}): ` +
      'nothing was changed: set the clock, or where it is right give --force-clock',
    { subject: 'clock' },
  );
}

function* dataFiles(config: Config, files: readonly string[]): Generator<string> {
  yield* files;
  let catalog: Catalog;
  try {
    catalog = Catalog.open(readOnlyCatalog(config));
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'not-found') return;
    throw error;
  }
  try {
    for (const { path } of catalog.list()) yield path;
  } finally {
    catalog.close();
  }
}

/**
 * Returns the times of the last line, and of the last line up to `until`; 0 if there is none.
 * Without an index both come from the file's modification time.
 */
function linesOf(path: string, until: number): { last: number; old: number } {
  let index: IndexFile | null = null;
  try {
    index = IndexFile.peek(indexPath(path));
    if (index !== null)
      return { last: lastTimestamp(index) ?? 0, old: timestampsAtOrBefore(index, [until])[0] ?? 0 };
    const written = Math.floor((disk.stat(path)?.mtimeMs ?? 0) / 1000);
    return { last: written, old: written <= until ? written : 0 };
  } catch (error) {
    // The command that handles this backup will report what is wrong with it.
    if (error instanceof BackupError) return { last: 0, old: 0 };
    throw error;
  } finally {
    index?.close();
  }
}
