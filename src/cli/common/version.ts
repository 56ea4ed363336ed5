/** The program's version, read from package.json, the only place that states it. */
import { readFileSync } from 'node:fs';

function readVersion(): string {
  // This relative path is right both in a checkout and in an installation.
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export const VERSION: string = readVersion();
