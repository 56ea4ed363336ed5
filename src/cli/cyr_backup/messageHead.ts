/**
 * Reads the header of a stored message and splits it into fields, as the originals do (cyrus-imapd
 * backup/cyr_backup.c, json_headers_cb; imap/message.c, message_parse_string). Folded lines are
 * joined without their line ends. Nothing is decoded.
 */
import type { BackupReader } from '../../backup/reader.ts';
import type { StoredMessage } from '../../index/types.ts';

const PIECE_BYTES = 64 * 1024;
/** The search for the end of the header stops at this length. */
const LONGEST_HEAD_BYTES = 4 << 20;
const HEAD_END = '\r\n\r\n';

/**
 * Returns the header up to the empty line, without it, as a byte string. A message without an empty
 * line is returned whole, up to LONGEST_HEAD_BYTES.
 */
export function headOf(reader: BackupReader, message: StoredMessage): string {
  let head = '';
  for (let at = 0; at < Math.min(message.size, LONGEST_HEAD_BYTES); at += PIECE_BYTES) {
    head += reader.read(message, at, Math.min(PIECE_BYTES, message.size - at)).toString('latin1');
    if (head.startsWith('\r\n')) return '';
    const end = head.indexOf(HEAD_END);
    if (end !== -1) return head.slice(0, end);
  }
  return head;
}

/**
 * Returns the values by field name, in the order in which the names first appear. Bytes that are
 * not UTF-8 are read as latin1.
 */
export function fieldsOf(head: string): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const line of head.split(/\r?\n(?![ \t])/)) {
    const colon = line.search(/[:\r\n]/);
    if (line[colon] !== ':') continue;
    const name = asText(line.slice(0, colon));
    const value = asText(
      line
        .slice(colon + 1)
        .replace(/^[ \t]+/, '')
        .replaceAll(/\r?\n/g, ''),
    );
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  return fields;
}

function asText(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? bytes : text;
}
