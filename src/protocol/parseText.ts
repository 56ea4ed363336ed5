/**
 * Parses a value from the text that print.ts made of it, including literals. The index keeps some
 * values as such text. The scanner is the same as for a socket, but reads one string.
 */
import type { Dlist } from './dlist.ts';
import { logLimits } from './limits.ts';
import { DlistScanner } from './scanner.ts';

/**
 * Returns the value in `text` (latin1). Throws `syntax` unless it is exactly one value, without
 * files.
 */
export function parseDlist(text: string): Dlist {
  // The scanner reads a key and a value, so the text gets a key.
  const bytes = Buffer.from(`VALUE ${text}`, 'latin1');
  const scanner = new DlistScanner(logLimits);
  let at = 0;
  const upTo = (end: number): Buffer => {
    if (end > bytes.length) throw scanner.error('the text ends inside a literal');
    const part = bytes.subarray(at, end);
    at = end;
    return part;
  };
  const line = (): Buffer => upTo(bytes.indexOf(0x0a, at) + 1 || bytes.length);
  scanner.setLine(line());
  const item = scanner.item();
  let step = item.next();
  while (step.done !== true) {
    const need = step.value;
    if (need.need === 'file') throw scanner.error('a file cannot be kept as text');
    if (need.need === 'turn' || need.need === 'more') step = item.next();
    else step = item.next(need.need === 'line' ? line() : upTo(at + need.count));
  }
  scanner.expectEnd();
  if (at !== bytes.length) throw scanner.error('something follows the value');
  return step.value[1];
}
