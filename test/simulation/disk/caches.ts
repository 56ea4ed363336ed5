/** Which files of a store SQLite owns: indexes, and the caches of a whole store. */
import { basename } from 'node:path';

export function isCache(path: string): boolean {
  return /\.index\b|^(figures|status)\.db/.test(basename(path));
}
