/**
 * Modified UTF-7 (RFC 3501, 5.1.3), the form in which Cyrus stores mailbox names. Printable ASCII
 * stands for itself, except that `&` becomes `&-`. All other text is UTF-16 in base64, with `,`
 * instead of `/`, between `&` and `-`.
 */

/** Returns the text as modified UTF-7, in its one canonical form. */
export function encodeMutf7(text: string): string {
  return text.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-';
    const utf16 = Buffer.from(run, 'utf16le').swap16();
    return `&${utf16.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

function decodeRun(base64: string): string {
  if (base64 === '') return '&';
  const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64');
  return bytes
    .subarray(0, bytes.length - (bytes.length % 2))
    .swap16()
    .toString('utf16le');
}

/**
 * Returns the text of a name in modified UTF-7. Undefined if encodeMutf7 does not produce this name
 * from any well-formed text. Two names therefore never decode to the same text.
 */
export function decodeMutf7(name: string): string | undefined {
  const text = name.replace(/&([A-Za-z0-9+,]*)-/g, (_run, base64: string) => decodeRun(base64));
  return encodeMutf7(text) === name && isWellFormed(text) ? text : undefined;
}

/**
 * Reports whether every surrogate in the text has its partner: only such text has a UTF-8 form.
 */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
