/** The name under which files are kept that others take the place of: with the time behind it, in unix seconds. */
import { linkSync, lstatSync } from 'node:fs';
import { sideFiles } from '../../catalog/backupFiles.ts';
import { asideName } from '../../fs/setAside.ts';

/**
 * Gives a data file a second name that ends in the time, unless a command that was killed has; returns that name. When
 * another file takes the first name, the second is the only one.
 */
export function keepPrevious(path: string): string {
  const { ino } = lstatSync(path);
  const before = sideFiles(path).find((side) => side.role === 'previous' && lstatSync(side.path).ino === ino);
  if (before !== undefined) return before.path;
  const name = asideName(path);
  linkSync(path, name);
  return name;
}
