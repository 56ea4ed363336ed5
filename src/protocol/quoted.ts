/**
 * Scans quoted strings that contain backslashes. Each string is read only once, whatever it
 * contains.
 */

/**
 * Returns the index of a quoted string's closing quote, given the index of a backslash in the
 * string. Returns -1 if the closing quote is not in this text.
 */
export function endOfQuoted(text: string, backslash: number): number {
  for (let at = backslash; at < text.length; at += 1) {
    const byte = text.charCodeAt(at);
    if (byte === 0x22) return at;
    if (byte === 0x5c) at += 1;
  }
  return -1;
}

/**
 * Returns a quoted string's content without its escapes: a backslash stands for the byte after it.
 */
export function unescaped(bytes: Buffer, start: number, end: number): string {
  const content = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let at = start; at < end; at += 1) {
    if (bytes[at] === 0x5c) at += 1;
    content[length] = bytes[at]!;
    length += 1;
  }
  return content.toString('latin1', 0, length);
}
