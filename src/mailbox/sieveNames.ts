/**
 * What a user's sieve scripts are called as files: `vacation.script` is `vacation.sieve`. Masters
 * of Cyrus 2.x send the compiled form, `vacation.bc`, beside the text; it is left out there, and
 * stays `vacation.bc` where there is no text. Two scripts never share a name.
 */
import { fileName, MAX_NAME_BYTES } from './fileName.ts';

const TEXT = '.script';
const COMPILED = '.bc';
const SHOWN = '.sieve';
/** Beside the scripts, the one that is in use. */
export const ACTIVE_NAME = 'active';

/** By a script's name as its master sends it (bytes), the name of its file (text). */
export function sieveFiles(names: Iterable<string>): Map<string, string> {
  const all = new Set(names);
  const files = new Map<string, string>();
  for (const name of all) {
    if (name.endsWith(COMPILED) && all.has(baseOf(name) + TEXT)) continue;
    files.set(name, fileOf(name));
  }
  return files;
}

/**
 * The file of the script that is active, which a master names by its compiled form or its text;
 * undefined where it is none of these.
 */
export function activeSieveFile(active: string, files: ReadonlyMap<string, string>): string | undefined {
  const base = baseOf(active);
  return [base + TEXT, active, base + COMPILED, base].map((name) => files.get(name)).find(Boolean);
}

function baseOf(name: string): string {
  return name.replace(/\.(?:bc|script)$/, '');
}

function fileOf(name: string): string {
  if (name.endsWith(TEXT))
    return fileName(name.slice(0, -TEXT.length), MAX_NAME_BYTES - SHOWN.length) + SHOWN;
  const whole = fileName(name, MAX_NAME_BYTES - 2);
  // Something else must not look like a script's text, nor like the name of the active one.
  if (whole === ACTIVE_NAME) return '%61ctive';
  return whole.endsWith(SHOWN) ? `${whole.slice(0, -SHOWN.length)}%2E${SHOWN.slice(1)}` : whole;
}
