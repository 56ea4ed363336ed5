/** The name under which files are kept that others take the place of: with the time behind it, in unix seconds. */
import { existsSync } from 'node:fs';

/** For a data file, and its index with it: the time now, or the next at which nothing was kept of the data file. */
export function previousTime(dataPath: string): number {
  let time = Math.floor(Date.now() / 1000);
  while (existsSync(`${dataPath}.${time}`)) time += 1;
  return time;
}
