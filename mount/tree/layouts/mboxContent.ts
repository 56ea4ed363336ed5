/**
 * Generates the bytes of an mbox file. For each message, it:
 *
 * - locates the message with mboxLayout.ts;
 * - reads the message and checks it against its GUID;
 * - writes it in the form that src/mailbox/mboxText.ts defines.
 *
 * A short message is one block. A long message is first read from start to end to find where its
 * pieces begin. Its pieces are then generated one at a time.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { loadBlock, readMessage } from '../../../src/backup/read/messageBytes.ts';
import type { Block } from '../../../src/backup/read/messageBytes.ts';
import type { BackupReader } from '../../../src/backup/reader.ts';
import { BackupError } from '../../../src/errors.ts';
import type { LocatedRecord } from '../../../src/index/queries/records.ts';
import type { Quoting } from '../../../src/mailbox/mboxText.ts';
import { FIRST_PIECE, LineEnds, PIECE_BYTES, WINDOW_BYTES, makePiece } from '../../content/mboxPieces.ts';
import type { PieceStart } from '../../content/mboxPieces.ts';
import { MboxHead, endOfText, hasRoom } from '../../content/mboxMessage.ts';
import type { TextFacts } from '../../content/mboxMessage.ts';
import type { Content, Location } from '../../vfs/tree.ts';
import type { MailView } from '../views/mailView.ts';
import { mboxLayout, messageAt } from './mboxLayout.ts';
import type { LocatedMessage } from './mboxLayout.ts';
import { badBytes, storedMessage } from '../views/message.ts';
import type { StructureFolder } from '../views/structure.ts';

/**
 * The number of long messages whose pieces are cached after they were read. Each piece takes about
 * 100 bytes.
 */
const MOST_LONG = 64;
const long = new LRUCache<string, Shown>({ max: MOST_LONG });

export function mboxContent(view: MailView, folder: StructureFolder): Content {
  const layout = mboxLayout(view, folder);
  return {
    sizeBytes: layout.sizeBytes,
    at(offset) {
      const message = messageAt(view, folder, layout, offset);
      if (message === undefined) throw gone(view, folder, `the message at ${offset}`);
      const inMessage = offset - message.start;
      const key = `mbox:${layout.serial}:${message.number}`;
      if (message.sizeBytes > PIECE_BYTES) return longLocation(key, view, folder, message, inMessage);
      const load = (): Buffer => textOf(view, folder, message).all();
      return { blockKey: key, offsetInBlock: inMessage, load };
    },
  };
}

function longLocation(
  key: string,
  view: MailView,
  folder: StructureFolder,
  message: LocatedMessage,
  offset: number,
): Location {
  const text = textOf(view, folder, message, long.get(key));
  long.set(key, text.shown);
  const { number, start, end } = text.partAt(offset);
  const load = (): Buffer => text.part(number, start, end);
  return { blockKey: `${key}:${number}`, offsetInBlock: offset - start, load };
}

/** Returns the text of a message. `known` is the result of an earlier reading, if there was one. */
function textOf(
  view: MailView,
  folder: StructureFolder,
  { uid, sizeBytes }: LocatedMessage,
  known?: Shown,
): MessageText {
  const record = view.record(folder, uid);
  if (record === undefined) throw gone(view, folder, `message ${uid}`);
  return new MessageText(view.reader(), record, sizeBytes, known);
}

function gone(view: MailView, folder: StructureFolder, what: string): BackupError {
  return new BackupError('not-found', `${what} of ${view.user.userid}/${folder.path} is gone`);
}

interface TextPiece extends PieceStart {
  /** The piece's offset in the text. */
  readonly at: number;
}

/** The result of reading a message from start to end. */
interface Shown extends TextFacts {
  readonly pieces: readonly TextPiece[];
}

interface Part {
  readonly number: number;
  /** The part's offset in the message as written in the mbox. */
  readonly start: number;
  readonly end: number;
}

/** The text of a message in an mbox. Throws 'damaged' if the message's bytes are damaged. */
class MessageText {
  readonly shown: Shown;
  readonly #reader: BackupReader;
  readonly #record: LocatedRecord;
  readonly #sizeBytes: number;
  readonly #head: MboxHead;
  /** The whole text, if it consists of a single piece that was generated just now. */
  #onlyText: Buffer | undefined;

  constructor(reader: BackupReader, record: LocatedRecord, sizeBytes: number, known?: Shown) {
    this.#reader = reader;
    this.#record = record;
    this.#sizeBytes = sizeBytes;
    this.shown = known ?? this.#read();
    this.#head = new MboxHead(record, this.shown, sizeBytes);
  }

  all(): Buffer {
    const text = this.shown.pieces.map((piece) => this.#pieceText(piece));
    return Buffer.concat([this.#head.bytes(0, this.#head.sizeBytes), ...text, endOfText(this.shown)]);
  }

  /**
   * Returns the part at an offset. The head is divided into parts of PIECE_BYTES. After the head,
   * each piece of the text is a part. The last part includes the message's end.
   */
  partAt(offset: number): Part {
    const headBytes = this.#head.sizeBytes;
    const headParts = Math.ceil(headBytes / PIECE_BYTES);
    if (offset < headBytes) {
      const number = Math.floor(offset / PIECE_BYTES);
      return { number, start: number * PIECE_BYTES, end: Math.min(headBytes, (number + 1) * PIECE_BYTES) };
    }
    const { pieces } = this.shown;
    const found = pieces.findLastIndex(({ at }) => at <= offset - headBytes);
    const start = headBytes + (pieces[found]?.at ?? 0);
    const next = pieces[found + 1];
    const end = next === undefined ? this.#sizeBytes : headBytes + next.at;
    return { number: headParts + found, start, end };
  }

  part(number: number, start: number, end: number): Buffer {
    const headBytes = this.#head.sizeBytes;
    if (start < headBytes) return this.#head.bytes(start, end);
    const piece = this.shown.pieces[number - Math.ceil(headBytes / PIECE_BYTES)];
    const text = piece === undefined ? Buffer.alloc(0) : this.#pieceText(piece);
    return end === this.#sizeBytes ? Buffer.concat([text, endOfText(this.shown)]) : text;
  }

  #read(): Shown {
    const shown = this.#readThrough('inserted');
    return hasRoom(shown, this.#record.size) ? shown : this.#readThrough('overwritten');
  }

  #readThrough(quoting: Quoting): Shown {
    const { size, guid } = this.#record;
    const hash = createHash('sha1');
    const pieces: TextPiece[] = [];
    const lineEnds = new LineEnds();
    let textBytes = 0;
    let isEnded = true;
    let start = FIRST_PIECE;
    while (start.offset < size) {
      const window = this.#window(start.offset);
      const { text, next, source } = makePiece(window, start, quoting);
      pieces.push({ ...start, at: textBytes });
      hash.update(window.subarray(0, source.length));
      lineEnds.add(source);
      textBytes += text.length;
      isEnded = source.endsWith('\n');
      this.#onlyText = pieces.length === 1 ? text : undefined;
      start = next;
    }
    if (hash.digest('hex') !== guid) throw badBytes(this.#reader, this.#record, 'are damaged');
    const isTight = quoting === 'overwritten';
    return { pieces, textBytes, lineEnds, isEnded, isHeadEnded: !start.isHead, isTight };
  }

  #pieceText(piece: TextPiece): Buffer {
    if (this.#onlyText !== undefined) return this.#onlyText;
    const quoting = this.shown.isTight ? 'overwritten' : 'inserted';
    return makePiece(this.#window(piece.offset), piece, quoting).text;
  }

  #window(offset: number): Buffer {
    const { index, fd } = this.#reader;
    const stored = storedMessage(this.#reader, this.#record);
    return readMessage(index, fd, stored, offset, WINDOW_BYTES, loaderFor(this.#reader));
  }
}

interface LastBlock {
  readonly name: string;
  readonly bytes: Buffer;
}
/**
 * The block that was inflated last, by reader. Neighbouring messages are read one after the other,
 * so this block is often needed for the next message.
 */
const last = new WeakMap<BackupReader, LastBlock>();

function loaderFor(reader: BackupReader): (fd: number, block: Block) => Buffer {
  return (fd, block) => {
    const name = `${block.from.fileOffset}:${block.start}-${block.end}`;
    const known = last.get(reader);
    if (known?.name === name) return known.bytes;
    const bytes = loadBlock(fd, block);
    last.set(reader, { name, bytes });
    return bytes;
  };
}
