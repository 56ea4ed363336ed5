/**
 * Made-up mail for measurements: the same bytes in every run. It compresses about as well as real
 * mail.
 */
import { createHash } from 'node:crypto';
import { randomFrom } from '../support/random.ts';

export interface MadeMessage {
  readonly guid: string;
  readonly bytes: Buffer;
}

const WORDS = 4000;

function word(random: () => number): string {
  let text = '';
  const syllables = 1 + Math.floor(random() * 3);
  for (let at = 0; at < syllables; at++) {
    text += 'bcdfghklmnprstvw'.charAt(random() * 16) + 'aeiou'.charAt(random() * 5);
  }
  return text;
}

/**
 * Yields texts of 1 to 24 KB; one in twenty has an attachment of 20 to 400 KB of base64. 20,000
 * messages are 403 MB.
 */
export function* madeMail(count: number, seed = 1): Generator<MadeMessage> {
  const random = randomFrom(seed);
  const words = Array.from({ length: WORDS }, () => word(random));
  for (let number = 1; number <= count; number++) {
    const lines = [
      `From: ${words[number % WORDS]} <${words[(number * 7) % WORDS]}@example.com>`,
      'To: Anne <anne@example.com>',
      `Subject: ${words[(number * 3) % WORDS]} ${words[(number * 5) % WORDS]}`,
      `Message-ID: <${number}.${seed}@example.com>`,
      '',
    ];
    const size = 1000 + Math.floor(random() ** 2 * 23_000);
    for (let length = 0; length < size; length += 72) {
      let line = '';
      while (line.length < 72) line += `${words[Math.floor(random() ** 3 * WORDS)]} `;
      lines.push(line);
    }
    if (number % 20 === 0) lines.push(attachment(random, 15_000 + Math.floor(random() * 279_000)));
    const bytes = Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1');
    yield { bytes, guid: createHash('sha1').update(bytes).digest('hex') };
  }
}

function attachment(random: () => number, sizeBytes: number): string {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 4)
    bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), Math.min(at, sizeBytes - 4));
  return bytes.toString('base64').replace(/.{76}/g, '$&\r\n');
}
