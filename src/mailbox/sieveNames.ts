/**
 * Names the files for a user's sieve scripts: `vacation.script` becomes `vacation.sieve`. Masters
 * of Cyrus 2.x send the compiled form `vacation.bc` in addition to the text. The compiled form is
 * then left out. If there is no text, it stays `vacation.bc`. Two scripts never share a name.
 */
import { fileName, MAX_NAME_BYTES } from './fileName.ts';

const TEXT = '.script';
const COMPILED = '.bc';
const SHOWN = '.sieve';
/** The name, beside the script files, that stands for the active script. */
export const ACTIVE_NAME = 'active';

/** Maps each script's name as its master sends it (bytes) to its file name (text). */
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
 * Returns the file of the active script. A master names that script by its compiled form or by its
 * text. Undefined if there is no such script.
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
  // Other files must not look like a script's text, nor have the name that stands for the active
  // script.
  if (whole === ACTIVE_NAME) return '%61ctive';
  return whole.endsWith(SHOWN) ? `${whole.slice(0, -SHOWN.length)}%2E${SHOWN.slice(1)}` : whole;
}
