/**
 * Reads the kernel's mount table without accessing any mount, because access to a dead or busy
 * mount may hang.
 */
import { readFile } from 'node:fs/promises';
import { SUBTYPE } from './transport.ts';

export interface MountEntry {
  /**
   * The device number as `major:minor`. The mount's read-ahead setting is in the folder of that
   * name under /sys/class/bdi.
   */
  readonly device: string;
  readonly mountpoint: string;
  readonly type: string;
}

/** Returns the topmost mount at `mountpoint` (an absolute path without symbolic links). */
export async function findMount(mountpoint: string): Promise<MountEntry | undefined> {
  const entries = parseMountInfo(await readFile('/proc/self/mountinfo', 'latin1'));
  const name = Buffer.from(mountpoint).toString('latin1');
  return entries.findLast((entry) => entry.mountpoint === name);
}

export function isOurs(entry: MountEntry | undefined): entry is MountEntry {
  return entry?.type === `fuse.${SUBTYPE}`;
}

/**
 * Parses the text of a mountinfo file; see proc_pid_mountinfo(5). A lone hyphen ends the optional
 * fields.
 */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const [, , device, , mountpoint] = fields;
    const type = fields[fields.indexOf('-', 6) + 1];
    if (device === undefined || mountpoint === undefined || type === undefined) continue;
    entries.push({ device, mountpoint: unescapeOctal(mountpoint), type });
  }
  return entries;
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Returns where backups are mounted; if at several places, the first. */
export async function firstMountpoint(): Promise<string | undefined> {
  const entries = parseMountInfo(await readFile('/proc/self/mountinfo', 'latin1'));
  const mountpoint = entries.find(isOurs)?.mountpoint;
  return mountpoint === undefined ? undefined : Buffer.from(mountpoint, 'latin1').toString('utf8');
}
