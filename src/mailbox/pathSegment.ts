/**
 * Converts one level of a mailbox name to one folder name, and back.
 *
 * A folder name:
 *
 * - is never empty, `.` or `..`
 * - never starts with a dot (those are the mount's own views)
 * - never contains a slash, a NUL or a control character
 * - is at most 255 bytes of UTF-8
 * - never looks like a message (`17.eml`)
 * - never belongs to two levels
 *
 * Folder names are readable: modified UTF-7 and UTF-8 are shown as text.
 *
 *   %XX           the byte XX of the UTF-8 form: for `%` itself, and for the characters above
 *   %empty        the empty level
 *   text%utf8     the level holds UTF-8 bytes; `text` alone is the level in modified UTF-7
 *   text%raw      neither of these: each byte beyond ASCII is a %XX, and `&` is itself
 *   start%~hash   cut because too long; hash is the start of the level's SHA-256; not reversible
 *
 * Because `%` alone is always escaped, no name can produce one of these endings.
 */
import { hashedName } from './fileName.ts';
import { decodeMutf7, encodeMutf7 } from './mutf7.ts';

export const maxSegmentBytes = 255;

const endings = { empty: '%empty', utf8: '%utf8', raw: '%raw' } as const;

/**
 * C0 and C1 controls, line and paragraph separators, and characters that change the text direction:
 * a listing must show one name per line.
 */
const unsafe = /[%/\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

function percent(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return out;
}

function escape(text: string): string {
  const safe = text.replace(unsafe, percent);
  if (safe.startsWith('.')) return `%2E${safe.slice(1)}`;
  // In a folder that also holds messages, a subfolder must not have a message's name.
  return /^[0-9]+\.eml$/i.test(safe) ? safe.replace('.', '%2E') : safe;
}

/**
 * Returns the name, cut like a segment if it does not leave `spareBytes` of a file name's length.
 * The caller must ensure that no other name ends with `%~` and a hash.
 */
export function shortened(name: string, spareBytes = 0): string {
  return cut(name, Buffer.from(name, 'utf8'), maxSegmentBytes - spareBytes);
}

/** Reports whether the name was cut. A cut name cannot be decoded, only compared. */
export function isCut(name: string): boolean {
  return name.includes('%~');
}

function cut(segment: string, identity: Buffer, limitBytes: number): string {
  if (Buffer.byteLength(segment) <= limitBytes) return segment;
  return hashedName(segment, identity, limitBytes);
}

function readable(level: string): string {
  if (level === '') return endings.empty;
  if (!/[\x80-\xff]/.test(level)) {
    const text = decodeMutf7(level);
    return text === undefined ? escape(level) + endings.raw : escape(text);
  }
  const bytes = Buffer.from(level, 'latin1');
  const text = bytes.toString('utf8');
  if (bytes.equals(Buffer.from(text, 'utf8'))) return escape(text) + endings.utf8;
  const ascii = escape(level.replace(/[\x80-\xff]/g, '\x00')).split('%00');
  return restoreBytes(ascii, level) + endings.raw;
}

/** Converts bytes beyond ASCII and NULs to %XX, and joins them with the text around them. */
function restoreBytes(around: readonly string[], level: string): string {
  const bytes = level.match(/[\x00\x80-\xff]/g) ?? [];
  const escaped = bytes.map((byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return around.map((text, index) => text + (escaped[index] ?? '')).join('');
}

/**
 * Returns the folder name of a level (a latin1 byte string, with its dots as dots), and leaves room
 * for `spareBytes` after it.
 */
export function encodeSegment(level: string, spareBytes = 0): string {
  return cut(readable(level), Buffer.from(level, 'latin1'), maxSegmentBytes - spareBytes);
}

function unescape(segment: string): Buffer | undefined {
  const parts: Buffer[] = [];
  for (const [piece, hex] of segment.matchAll(/%([0-9A-F]{2})|[^%]+|%/gs)) {
    if (piece === '%') return undefined;
    parts.push(hex === undefined ? Buffer.from(piece, 'utf8') : Buffer.from(hex, 'hex'));
  }
  return Buffer.concat(parts);
}

/**
 * Returns the level from which encodeSegment made the folder name. Undefined if there is none, or
 * if the name was cut.
 */
export function decodeSegment(segment: string): string | undefined {
  let level: string | undefined;
  if (segment === endings.empty) level = '';
  else if (segment.endsWith(endings.utf8)) level = unescape(segment.slice(0, -5))?.toString('latin1');
  else if (segment.endsWith(endings.raw)) level = unescape(segment.slice(0, -4))?.toString('latin1');
  else {
    const text = unescape(segment)?.toString('utf8');
    level = text === undefined ? undefined : encodeMutf7(text);
  }
  return level !== undefined && encodeSegment(level) === segment ? level : undefined;
}
