/** Random mail of many kinds, by seed: charsets, encodings, encoded words, nested MIME. */
import { randomFrom } from '../../support/random.ts';

const WORDS = [
  ...'report meeting invoice the of and quarterly budget anne bob a1b2 2026 x'.split(' '),
  ...'Café naïve Straße ÅNGSTRÖM señor déjà Ünïcödé façade'.split(' '),
  ...'Ελλάδα ΟΔΟΣ привет Мир שלום مرحبا'.split(' '),
  ...'東京 会議 日本語 こんにちは 报告'.split(' '),
  ...'ﬁle ½ ① e\u0301te soft\u00adhyphen zero\u200bwidth 👍 — “quoted”'.split(' '),
];
const LATIN = WORDS.filter((word) => /^[\x00-\xff]*$/.test(word) && !word.includes('\u00ad'));

export class MailMaker {
  readonly #random: () => number;
  /** Headers of this message hold raw UTF-8 instead of encoded words. */
  #isRaw = false;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  message(): Buffer {
    this.#isRaw = this.#random() < 0.2;
    const subject = this.#words(1 + this.#below(6));
    const fields = [
      `From: ${this.#address()}`,
      `To: ${this.#address()}, ${this.#address()}`,
      ...(this.#random() < 0.3 ? [`Cc: ${this.#address()}`] : []),
      `Subject: ${this.#header(subject)}`,
      `Message-ID: <${this.#below(1e9)}@example.com>`,
      'MIME-Version: 1.0',
    ];
    return Buffer.concat([latin1(`${fields.join('\r\n')}\r\n`), this.#part(0)]);
  }

  #part(depth: number): Buffer {
    const kind = this.#random();
    if (depth < 3 && kind < 0.35) return this.#multipart(depth);
    if (depth > 0 && depth < 3 && kind < 0.45) {
      return Buffer.concat([latin1('Content-Type: message/rfc822\r\n\r\n'), this.message()]);
    }
    if (depth > 0 && kind < 0.6) return this.#attachment();
    return this.#text(kind > 0.85);
  }

  #multipart(depth: number): Buffer {
    const boundary = `=_${this.#below(1e9)}${this.#pick(['', '=x', "'()+_,-./:?"])}`;
    const parts = Array.from({ length: 1 + this.#below(3) }, () => this.#part(depth + 1));
    const kind = this.#pick(['mixed', 'alternative', 'related']);
    return Buffer.concat([
      latin1(`Content-Type: multipart/${kind};\r\n boundary="${boundary}"\r\n\r\npreamble\r\n`),
      ...parts.flatMap((part) => [latin1(`\r\n--${boundary}\r\n`), part]),
      latin1(`\r\n--${boundary}--\r\nepilogue\r\n`),
    ]);
  }

  #attachment(): Buffer {
    const name = this.#words(2);
    const encoded = [...Buffer.from(`${name}.pdf`)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`);
    const half = Math.floor(encoded.length / 2);
    const form = this.#pick([
      `; filename="plain ${this.#below(100)}.txt"`,
      `; filename*=utf-8''${encoded.join('')}`,
      `;\r\n filename*0*=utf-8''${encoded.slice(0, half).join('')};\r\n filename*1*=${encoded.slice(half).join('')}`,
      `;\r\n filename="${this.#encodedWord(name, 'utf-8', 'B')}"`,
    ]);
    const data = Buffer.from(Array.from({ length: 100 }, () => this.#below(256))).toString('base64');
    return latin1(
      `Content-Type: application/pdf\r\nContent-Disposition: attachment${form}\r\n` +
        `Content-Transfer-Encoding: base64\r\n\r\n${data}\r\n`,
    );
  }

  #text(isHtml: boolean): Buffer {
    const lines = Array.from({ length: 1 + this.#below(8) }, () => this.#words(1 + this.#below(12)));
    const isLatin = this.#random() < 0.3;
    const kept = isLatin ? lines.map(() => this.#words(5, LATIN)) : lines;
    const text = isHtml ? this.#html(kept) : `${kept.join('\r\n')}\r\n`;
    const charset = isLatin ? this.#pick(['iso-8859-1', 'windows-1252']) : 'utf-8';
    const bytes = isLatin ? latin1(text) : Buffer.from(text);
    const head = `Content-Type: text/${isHtml ? 'html' : 'plain'}; charset=${charset}\r\n`;
    return Buffer.concat([latin1(head), this.#transfer(bytes)]);
  }

  #html(lines: readonly string[]): string {
    const escaped = lines.map((line) => line.replaceAll('é', '&eacute;').replaceAll('&', '&'));
    const body = escaped.map((line, at) => (at % 2 === 0 ? `<p>${line}</p>` : `<b>${line}</b><br>`)).join('');
    return `<html><head><style>p { color: hidden1 }</style></head><body>${body}<script>hidden2()</script></body></html>`;
  }

  #transfer(bytes: Buffer): Buffer {
    const encoding = this.#pick(['base64', 'quoted-printable', '8bit']);
    const head = latin1(`Content-Transfer-Encoding: ${encoding}\r\n\r\n`);
    if (encoding === 'base64') {
      return Buffer.concat([
        head,
        latin1(bytes.toString('base64').replaceAll(/.{76}/g, '$&\r\n')),
        latin1('\r\n'),
      ]);
    }
    if (encoding === '8bit') return Buffer.concat([head, bytes]);
    let out = '';
    let column = 0;
    for (const byte of bytes) {
      const isPlain = (byte >= 33 && byte <= 126 && byte !== 61) || byte === 32 || byte === 13 || byte === 10;
      const piece = isPlain
        ? String.fromCharCode(byte)
        : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      if (byte === 10) column = 0;
      else if (column > 70) {
        out += '=\r\n';
        column = piece.length;
      } else column += piece.length;
      out += piece;
    }
    return Buffer.concat([head, latin1(out.replaceAll(/ (?=\r\n)/g, '=20'))]);
  }

  #header(text: string): string {
    if (/^[\x20-\x7e]*$/.test(text)) return text;
    if (this.#isRaw) return Buffer.from(text).toString('latin1');
    return this.#pick([
      () => this.#encodedWord(text, 'utf-8', 'Q'),
      () => this.#encodedWord(text, 'utf-8', 'B'),
      () => this.#splitWord(text),
    ])();
  }

  /** Two encoded words that part a character's bytes, as some senders write them. */
  #splitWord(text: string): string {
    const bytes = Buffer.from(text);
    const at = 1 + this.#below(Math.max(1, bytes.length - 1));
    const word = (part: Buffer): string => `=?utf-8?B?${part.toString('base64')}?=`;
    return `${word(bytes.subarray(0, at))}\r\n ${word(bytes.subarray(at))}`;
  }

  #encodedWord(text: string, charset: string, encoding: 'B' | 'Q'): string {
    const bytes = Buffer.from(text);
    if (encoding === 'B') return `=?${charset}?B?${bytes.toString('base64')}?=`;
    const quoted = [...bytes].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
    return `=?${charset}?Q?${quoted}?=`;
  }

  #address(): string {
    const user = this.#pick(['anne', 'bob', 'carl.smith', 'd-e']);
    return `${this.#header(this.#words(2))} <${user}@example${this.#below(3)}.com>`;
  }

  #words(count: number, from: readonly string[] = WORDS): string {
    return Array.from({ length: count }, () => this.#pick(from)).join(' ');
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
