/**
 * Keeps a data file under a second name before another file replaces it. The second name ends in
 * the current time, in unix seconds.
 */
import { sideFiles } from '../../catalog/backupFiles.ts';
import { disk } from '../../fs/disk/current.ts';
import { lstatExisting } from '../../fs/names.ts';
import { asideName } from '../../fs/setAside.ts';

/**
 * Hard-links a data file to a second name that ends in the current time, and returns that name. If
 * a killed command has already made such a link, returns the existing name. Once another file
 * replaces the data file, the second name is the old file's only name.
 */
export function keepPrevious(path: string): string {
  const { ino } = lstatExisting(path);
  const before = sideFiles(path).find(
    (side) => side.role === 'previous' && lstatExisting(side.path).ino === ino,
  );
  if (before !== undefined) return before.path;
  const name = asideName(path);
  disk.link(path, name);
  return name;
}
