/**
 * Decodes bytes of mail into text. The charset is a claim of the sender: an unknown or missing one
 * is read as UTF-8, and bytes that are not UTF-8 as windows-1252, as mail programs do.
 */
import { TextDecoder } from 'node:util';

const decoders = new Map<string, TextDecoder | undefined>();
const MOST_DECODERS = 200;

/** Names that mail uses and the Encoding Standard does not know. */
const ALIASES: Readonly<Record<string, string>> = {
  utf8mb4: 'utf-8',
  'iso-8859-8-e': 'iso-8859-8',
  'x-gbk': 'gbk',
  cp936: 'gbk',
  cp932: 'shift_jis',
  cp949: 'euc-kr',
  cp950: 'big5',
};

/** Returns the text of the bytes. Never throws: bytes that make no sense become U+FFFD. */
export function decodeText(bytes: Uint8Array, charset: string | undefined): string {
  const name = charset?.trim().toLowerCase().replace(/^"|"$/g, '') ?? '';
  if (name === 'utf-7') return decodeUtf7(Buffer.from(bytes).toString('latin1'));
  const decoder = name === '' || name === 'us-ascii' ? undefined : decoderOf(name);
  return decoder === undefined ? guessText(bytes) : decoder.decode(bytes);
}

/** Decodes bytes without a usable charset. */
export function guessText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.includes('\ufffd') ? (decoderOf('windows-1252')?.decode(bytes) ?? text) : text;
}

function decoderOf(name: string): TextDecoder | undefined {
  if (decoders.has(name)) return decoders.get(name);
  const decoder = makeDecoder(ALIASES[name] ?? name.replace(/^cp(?=125\d$)/, 'windows-'));
  if (decoders.size < MOST_DECODERS) decoders.set(name, decoder);
  return decoder;
}

function makeDecoder(name: string): TextDecoder | undefined {
  try {
    return new TextDecoder(name);
  } catch {
    return undefined;
  }
}

/** Decodes UTF-7 (RFC 2152), which the Encoding Standard leaves out. */
function decodeUtf7(latin1: string): string {
  return latin1.replaceAll(/\+([A-Za-z0-9+/]*)-?/g, (_, encoded: string) => {
    if (encoded === '') return '+';
    const bytes = Buffer.from(encoded, 'base64');
    return bytes
      .subarray(0, bytes.length & ~1)
      .swap16()
      .toString('utf16le');
  });
}
