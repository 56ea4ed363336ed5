/**
 * Hashes a message's text in a form that survives the changes that IMAP servers make when they
 * store it. Dovecot, Exchange and others turn bare LFs into CRLF, end a message with a line end,
 * and store 0x80 for NUL (which IMAP cannot carry). Two messages with the same canonical hash
 * differ in nothing else.
 */
import { createHash } from 'node:crypto';

export function canonicalHash(bytes: Buffer): string {
  const text = bytes.toString('latin1').replaceAll(/\r\n?/g, '\n').replaceAll('\0', '\u0080');
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x0a) end -= 1;
  return createHash('sha1').update(text.slice(0, end), 'latin1').digest('hex');
}

export function sha1Of(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}
