/** The version in package.json, which is the only place that has it. */
import { readFileSync } from 'node:fs';

function readVersion(): string {
  // From dist/src/cli in a checkout and where it is installed alike.
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export const VERSION: string = readVersion();
