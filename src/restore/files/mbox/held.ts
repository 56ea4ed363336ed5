/**
 * The messages that an mbox already holds. A GUID in a header is only a claim; the message's bytes
 * prove it. To hash a message, restore turns line ends into CR LF, and removes the quotes of From
 * lines and the fields that it has added. A message with bare LFs cannot be converted back like
 * this. It is compared with the backup's message, ignoring the kind of line ends.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { BackupError } from '../../../errors.ts';
import { readSyncInto } from '../../../fs/io.ts';
import { GUID_FIELD, unquoteLines } from '../../../mailbox/mboxText.ts';
import type { SourceRecord } from '../../source.ts';
import type { HeldMessages } from '../format.ts';
import { textPieces } from './message.ts';

const LF = 10;
const PIECE_BYTES = 1 << 20;
const MAX_HEAD = 8 << 20;
const GUID_LINE = new RegExp(`^${GUID_FIELD}: ([0-9a-f]{40})$`);
/** Fields that restore adds. */
const ADDED = /^(?:Status|X-Status|X-Keywords): /i;
/** Fields that mail programs add after restore's fields when they change a flag. */
const REWRITTEN = /^(?:Status|X-Status|X-Keywords|Content-Length|Lines|X-UID): /i;

export class MboxHeld implements HeldMessages {
  /** The number of proven copies of each GUID. */
  readonly #proven = new Map<string, number>();
  /** By GUID: hashes of messages whose header names the GUID, but whose bytes do not prove it. */
  readonly #claimed = new Map<string, string[]>();

  static async read(fd: number): Promise<MboxHeld> {
    const held = new MboxHeld();
    let message: MessageText | undefined;
    let turn = 0;
    for (const { text, startsLine } of textPieces(piecesOf(fd))) {
      if (++turn % 8 === 0) await setImmediate();
      let at = 0;
      for (let from = startsLine ? nextFrom(text, 0) : nextFrom(text, 1); ; from = nextFrom(text, at + 1)) {
        message?.add(text.slice(at, from === -1 ? undefined : from), startsLine || at > 0);
        if (from === -1) break;
        held.#end(message);
        message = new MessageText();
        at = from;
      }
    }
    held.#end(message);
    return held;
  }

  take({ guid }: SourceRecord, pieces: () => Iterable<Buffer>): boolean {
    const copies = this.#proven.get(guid) ?? 0;
    if (copies > 0) {
      this.#proven.set(guid, copies - 1);
      return true;
    }
    const claimed = this.#claimed.get(guid) ?? [];
    if (claimed.length === 0) return false;
    const at = claimed.indexOf(coreOf(pieces) ?? '');
    if (at !== -1) claimed.splice(at, 1);
    return at !== -1;
  }

  #end(message: MessageText | undefined): void {
    const result = message?.end();
    if (result === undefined) return;
    if (result.isProven) this.#proven.set(result.guid, (this.#proven.get(result.guid) ?? 0) + 1);
    else this.#claimed.set(result.guid, [...(this.#claimed.get(result.guid) ?? []), result.core]);
  }
}

function* piecesOf(fd: number): Generator<Buffer> {
  for (let at = 0; ;) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    const length = readSyncInto(fd, piece, 0, PIECE_BYTES, at);
    if (length === 0) return;
    at += length;
    yield piece.subarray(0, length);
  }
}

/** Returns the offset of the next line that begins with `From `, or -1. */
function nextFrom(text: string, from: number): number {
  if (from === 0 && text.startsWith('From ')) return 0;
  const at = text.indexOf('\nFrom ', Math.max(0, from - 1));
  return at === -1 ? -1 : at + 1;
}

/** One message while it is read: its From line, its header up to the empty line, its body. */
class MessageText {
  #head = '';
  #isHead = true;
  #guid: string | undefined;
  readonly #message = new TextHash('\r\n');
  readonly #core = new TextHash('\n');

  add(text: string, startsLine: boolean): void {
    if (!this.#isHead) {
      this.#text(text, startsLine);
      return;
    }
    this.#head += text;
    const emptyLine = this.#head.indexOf('\n\n');
    if (emptyLine === -1 && this.#head.length < MAX_HEAD) return;
    const head = emptyLine === -1 ? this.#head : this.#head.slice(0, emptyLine + 1);
    const rest = this.#head.slice(head.length);
    this.#endHead(head);
    this.#text(rest, true);
  }

  /** Returns undefined if the message claims no GUID. */
  end(): { readonly guid: string; readonly isProven: boolean; readonly core: string } | undefined {
    if (this.#isHead) this.#endHead(this.#head);
    const guid = this.#guid;
    if (guid === undefined) return undefined;
    // An empty line was added; if the message did not end with a line end, a line end was added,
    // too.
    const isProven = [1, 2, 0].some((fewer) => this.#message.digest(fewer) === guid);
    return { guid, isProven, core: this.#core.digest(Infinity) };
  }

  #endHead(head: string): void {
    this.#isHead = false;
    this.#head = '';
    const lines = head.split('\n').slice(1, -1);
    const at = lines.findLastIndex((line) => GUID_LINE.test(line));
    if (at === -1) return;
    this.#guid = GUID_LINE.exec(lines[at] ?? '')?.[1];
    const [start, end] = addedFields(lines, at);
    const own = [...lines.slice(0, start), ...lines.slice(end)].map((line) => `${line}\n`).join('');
    this.#text(own, true, true);
  }

  #text(text: string, startsLine: boolean, isHead = false): void {
    if (this.#guid === undefined || text === '') return;
    const plain = startsLine ? unquoteLines(text, isHead) : unquoteLines(`-${text}`, isHead).slice(1);
    this.#message.add(plain);
    this.#core.add(plain);
  }
}

/** Returns the range of lines with added fields, which are not part of the message. */
function addedFields(lines: readonly string[], guidAt: number): [start: number, end: number] {
  let start = guidAt;
  let end = guidAt + 1;
  while (ADDED.test(lines[start - 1] ?? '')) start -= 1;
  while (REWRITTEN.test(lines[end] ?? '')) end += 1;
  return [start, end];
}

/** The most line ends that are held back until more text follows. */
const MAX_WAITING = 64;

/** SHA-1 of a text, with all of the line ends at its end, or with fewer. */
class TextHash {
  readonly #hash: Hash = createHash('sha1');
  readonly #lineEnd: string;
  #waiting = 0;

  constructor(lineEnd: string) {
    this.#lineEnd = lineEnd;
  }

  add(text: string): void {
    let end = text.length;
    while (text.charCodeAt(end - 1) === LF && text.length - end < MAX_WAITING) end -= 1;
    const [body, ends] = [text.slice(0, end), text.length - end];
    if (body !== '') this.#update(this.#waiting, body);
    this.#waiting = body === '' ? this.#waiting + ends : ends;
    if (this.#waiting > 2 * MAX_WAITING) this.#update(this.#waiting - MAX_WAITING, '');
  }

  /**
   * Returns the hash with that many line ends fewer. Infinity drops all line ends that are held
   * back.
   */
  digest(fewer: number): string {
    const ends = Math.max(0, this.#waiting - fewer);
    return this.#hash.copy().update(this.#lineEnd.repeat(ends)).digest('hex');
  }

  #update(lineEnds: number, body: string): void {
    const text = body.replaceAll('\n', this.#lineEnd);
    this.#hash.update(this.#lineEnd.repeat(lineEnds) + text, 'latin1');
    this.#waiting -= lineEnds;
  }
}

/** Returns undefined if the backup cannot tell. */
function coreOf(pieces: () => Iterable<Buffer>): string | undefined {
  const core = new TextHash('\n');
  try {
    for (const { text } of textPieces(pieces())) core.add(text);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return undefined;
  }
  return core.digest(Infinity);
}
