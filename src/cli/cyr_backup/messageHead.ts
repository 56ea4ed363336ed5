/**
 * The head of a stored message, and its fields as the originals take them apart (cyrus-imapd backup/cyr_backup.c,
 * json_headers_cb; imap/message.c, message_parse_string): folded lines are joined without their line ends, nothing is decoded.
 */
import type { BackupReader } from '../../backup/reader.ts';
import type { StoredMessage } from '../../index/types.ts';

const PIECE_BYTES = 64 * 1024;
/** Beyond this it is no head. */
const LONGEST_HEAD_BYTES = 4 << 20;
const HEAD_END = '\r\n\r\n';

/** Up to and without the empty line; all of a message that has none. A byte string. */
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

/** Values by name, in the order of the names' first appearance. Bytes that are not UTF-8 are taken for latin1. */
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
