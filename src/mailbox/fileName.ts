/**
 * Turns a name that somebody else chose (a userid, a sieve script) into a file name.
 *
 * - Two names never share a file name, and a name always gets the same file name.
 * - The file name is never longer than requested.
 * - The file name is never empty, `.` or `..`, and never starts with a dot.
 * - The file name never contains a slash or a control character.
 *
 * Each unsafe byte is written as `%XX`, in hexadecimal. A file name that would be too long is cut
 * and ends with `%~` and 16 digits of the name's SHA-256.
 */
import { createHash } from 'node:crypto';

export const MAX_NAME_BYTES = 255;

const HASH_DIGITS = 16;
/** The length of `%~` and the digits of the hash. */
const CUT_BYTES = HASH_DIGITS + 2;

/**
 * Matches everything that must be escaped: a percent sign that would read as an escape of this
 * file, characters that a file name may not contain, and characters that hide text or change its
 * direction.
 */
const UNSAFE =
  /%(?=[0-9A-F]{2}|~|empty)|[/\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|^\.|[\u200e\u200f]/g;

/** Returns each byte of the text's UTF-8 form as %XX. */
export function percent(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return out;
}

/**
 * Returns the start of a name, in whole characters, followed by a hash of `identity`, in at most
 * `maxBytes` bytes.
 */
export function hashedName(name: string, identity: string | Buffer, maxBytes: number): string {
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, HASH_DIGITS);
  let start = '';
  let leftBytes = maxBytes - CUT_BYTES;
  for (const [piece] of name.matchAll(/%[0-9A-F]{2}|./gsu)) {
    leftBytes -= Buffer.byteLength(piece);
    if (leftBytes < 0) break;
    start += piece;
  }
  return `${start}%~${hash}`;
}

/**
 * Returns the name itself if it is short enough. Otherwise cuts it and appends a hash of the whole
 * name.
 */
export function shortened(name: string, maxBytes: number): string {
  return Buffer.byteLength(name) <= maxBytes ? name : hashedName(name, name, maxBytes);
}

/** Returns the file name for a byte string (latin1). Text in UTF-8 stays readable. */
export function fileName(bytes: string, maxBytes = MAX_NAME_BYTES): string {
  const raw = Buffer.from(bytes, 'latin1');
  const text = raw.toString('utf8');
  const isUtf8 = raw.equals(Buffer.from(text, 'utf8'));
  const safe = isUtf8 ? text.replace(UNSAFE, percent) : percentBytes(bytes);
  return shortened(safe === '' ? '%empty' : safe, maxBytes);
}

/** Escapes unsafe bytes as %XX, and bytes beyond ASCII too, because they are not text. */
function percentBytes(bytes: string): string {
  return bytes.replace(
    /%(?=[0-9A-F]{2}|~|empty)|[/\x00-\x1f\x7f-\xff]|^\./g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
