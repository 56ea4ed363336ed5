/** Queries for the timestamps (unix seconds) at which something in the backup changed. */
import type { IndexFile } from '../store/indexFile.ts';

export function firstTimestamp(index: IndexFile): number | null {
  return index.get<{ time: number | null }>('SELECT min(time) AS time FROM moment')?.time ?? null;
}

export function lastTimestamp(index: IndexFile): number | null {
  return index.get<{ time: number | null }>('SELECT max(time) AS time FROM moment')?.time ?? null;
}

/** Returns the last timestamps, the latest first. */
export function lastTimestamps(index: IndexFile, limit: number): number[] {
  return index
    .all<{ time: number }>(`SELECT time FROM moment ORDER BY time DESC LIMIT ${limit}`)
    .map(({ time }) => time);
}

/**
 * Returns, for each given time, the last timestamp at or before it. No timestamp is returned twice;
 * the order is that of the given times. Each given time costs one index lookup, for any number of
 * stored timestamps.
 */
export function timestampsAtOrBefore(index: IndexFile, times: Iterable<number>): number[] {
  const found = new Set<number>();
  for (const time of times) {
    const sql = 'SELECT max(time) AS time FROM moment WHERE time <= ?';
    const row = index.get<{ time: number | null }>(sql, time);
    if (row?.time != null) found.add(row.time);
  }
  return [...found];
}
