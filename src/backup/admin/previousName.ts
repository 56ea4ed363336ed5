/**
 * Keeps a data file under a second name before another file takes its place. The second name ends
 * in the time, in unix seconds.
 */
import { linkSync, lstatSync } from 'node:fs';
import { sideFiles } from '../../catalog/backupFiles.ts';
import { asideName } from '../../fs/setAside.ts';

/**
 * Gives a data file a second name that ends in the time, and returns that name. If a killed command
 * has already done so, returns its name. When another file takes the first name, the second is the
 * only one left.
 */
export function keepPrevious(path: string): string {
  const { ino } = lstatSync(path);
  const before = sideFiles(path).find((side) => side.role === 'previous' && lstatSync(side.path).ino === ino);
  if (before !== undefined) return before.path;
  const name = asideName(path);
  linkSync(path, name);
  return name;
}
