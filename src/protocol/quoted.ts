/** Quoted strings with backslashes in them: each is read once, whatever it is full of. */

/** Where a quoted string's closing quote is, from a backslash in it on; -1: not in this text. */
export function endOfQuoted(text: string, backslash: number): number {
  for (let at = backslash; at < text.length; at += 1) {
    const byte = text.charCodeAt(at);
    if (byte === 0x22) return at;
    if (byte === 0x5c) at += 1;
  }
  return -1;
}

/** A backslash stands for the byte behind it. */
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
