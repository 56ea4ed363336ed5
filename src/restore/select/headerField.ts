/**
 * Reads a header field as people see it: folded lines are joined, encoded words (RFC 2047) decoded.
 * Bytes that are neither ASCII nor UTF-8 are read as latin1, as in old mail.
 */
const ENCODED_WORD = /=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi;

/**
 * Returns the values of all fields of that name, one per line; empty if there is none. `head`: the
 * beginning of the message.
 */
export function headerField(head: Buffer, name: string): string {
  const text = head.toString('latin1');
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const fields = text
    .slice(0, end)
    .replaceAll(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/);
  const prefix = `${name.toLowerCase()}:`;
  const values = fields.filter((field) => field.toLowerCase().startsWith(prefix));
  return values.map((field) => decodeWords(field.slice(prefix.length).trim())).join('\n');
}

function decodeWords(latin1: string): string {
  // Space between two encoded words is not part of the text.
  const joined = latin1.replaceAll(/(\?=)\s+(?==\?)/g, '$1');
  let decoded = '';
  let at = 0;
  for (const match of joined.matchAll(ENCODED_WORD)) {
    decoded += plainText(joined.slice(at, match.index)) + decodeWord(match);
    at = match.index + match[0].length;
  }
  return decoded + plainText(joined.slice(at));
}

function plainText(latin1: string): string {
  const utf8 = Buffer.from(latin1, 'latin1').toString('utf8');
  return utf8.includes('\ufffd') ? latin1 : utf8;
}

function decodeWord([word, charset = '', encoding = '', data = '']: RegExpMatchArray): string {
  const bytes =
    encoding.toLowerCase() === 'b'
      ? Buffer.from(data, 'base64')
      : Buffer.from(
          data
            .replaceAll('_', ' ')
            .replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) =>
              String.fromCharCode(Number.parseInt(hex, 16)),
            ),
          'latin1',
        );
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return word;
  }
}
