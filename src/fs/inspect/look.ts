/**
 * Looks at files without changing them: owner, mode, type, free space. For commands that report
 * what they find. Names that an administrator wrote into the configuration may be links; names
 * inside the store may not, and are looked at with lstatOf.
 */
import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  readFileSync,
  realpathSync,
  statfsSync,
  statSync,
} from 'node:fs';
import type { Stats, StatsFs } from 'node:fs';
import { messageOf } from '../../errors.ts';
import { openRegular } from '../open.ts';

const MAY_MISS = { throwIfNoEntry: false } as const;

/** Returns the stats of what a name leads to; undefined if there is nothing that may be seen. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, MAY_MISS);
  } catch {
    return undefined; // a loop of links, or a folder that this account may not enter
  }
}

/** Returns the stats of the name itself, which may be a link; undefined as for statOf. */
export function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, MAY_MISS);
  } catch {
    return undefined;
  }
}

/** Returns the free space of the file system; undefined if the path cannot be reached. */
export function diskOf(path: string): StatsFs | undefined {
  try {
    return statfsSync(path);
  } catch {
    return undefined;
  }
}

/** Reads a small file that is known to be regular. Throws system errors unchanged. */
export function readSmallFile(path: string): string {
  return readFileSync(path, 'latin1');
}

export const isOpenToOthers = ({ mode }: Stats): boolean => (mode & 0o007) !== 0;
export const isReadableByOthers = ({ mode }: Stats): boolean => (mode & 0o004) !== 0;
export const isWritableByOthers = ({ mode }: Stats): boolean => (mode & 0o002) !== 0;

/** Formats a mode as for chmod(1): `0640`. */
export function modeText({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

export function kindText(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isFile() ? 'a file' : 'a device';
}

/**
 * Opens what the name leads to for reading, and closes it again. Returns the reason if that is not
 * possible, or if it is no regular file; otherwise undefined. With `mayBeLink`, links are followed.
 */
export function whyUnreadable(path: string, { mayBeLink = false } = {}): string | undefined {
  try {
    closeSync(openRegular(mayBeLink ? realpathSync(path) : path, 'read'));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Reports whether the account that started the process may read and write the file. */
export function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
