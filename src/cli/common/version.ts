/** The program's version, read from package.json, the only place that states it. */
import { join } from 'node:path';
import { disk } from '../../fs/disk/current.ts';

function readVersion(): string {
  // This relative path is right both in a checkout and in an installation.
  const text = disk.readFile(join(import.meta.dirname, '../../../../package.json')).toString('utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export const VERSION: string = readVersion();
