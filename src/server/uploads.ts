/**
 * Messages that a session has uploaded and no mailbox has claimed yet.
 *
 * Masters upload messages first, and say only later, in MAILBOX, whose messages they are. An upload
 * is compressed in the form in which the log will hold it, and kept in staging. When a mailbox
 * records the message, the backup of the mailbox's owner takes the upload over, and no other backup
 * does. As in Cyrus' own sync_server, RESTART or the connection's end drops unclaimed uploads.
 */
import { createHash } from 'node:crypto';
import type { Backup } from '../backup/backup.ts';
import { readMessage } from '../backup/read/messageBytes.ts';
import type { MessageSource, UploadedLine } from '../backup/lines/messageSource.ts';
import type { Turn } from '../backup/options.ts';
import { BackupError } from '../errors.ts';
import { messageByGuid } from '../index/queries/messages.ts';
import { Staging } from '../log/write/staging.ts';
import type { UploadWriter, StagingOptions } from '../log/write/staging.ts';
import { FileLiteral } from '../protocol/dlist.ts';
import { printFileHeader } from '../protocol/print.ts';
import type { ByteSource } from '../protocol/source.ts';

interface StagedFile {
  readonly line: UploadedLine;
  readonly file: FileLiteral;
}

/**
 * The most unclaimed messages in one session, which bounds the memory for their entries. The limit
 * allows a mailbox of a million messages in one batch.
 */
const MOST_MESSAGES = 1_000_000;

/** Takes half a millisecond: each may be looked up in all backups that the session holds. */
const LOOKED_A_STEP = 8;
const CLAIMED_A_STEP = 1024;

const ENTRY_BYTES = 400;

/** A MESSAGE command that is still arriving. */
export class Upload {
  readonly #writer: UploadWriter;
  readonly #files: FileLiteral[] = [];
  readonly #mostMessages: number;

  constructor(writer: UploadWriter, mostMessages: number) {
    this.#writer = writer;
    this.#mostMessages = mostMessages;
  }

  /** Reads a message's bytes from the wire. Throws 'checksum' if they do not match the GUID. */
  async add(file: FileLiteral, source: ByteSource): Promise<void> {
    if (this.#files.length >= this.#mostMessages) throw tooMany();
    if (this.#files.length > 0) await this.#writer.write(' ');
    await this.#writer.mark();
    await this.#writer.write(printFileHeader(file));
    const staged = new FileLiteral(file.partition, file.guid, file.size);
    staged.position = this.#writer.length;
    const hash = createHash('sha1');
    await source.pieces(file.size, (piece) => {
      hash.update(piece);
      return this.#writer.write(piece);
    });
    if (hash.digest('hex') !== file.guid) {
      throw new BackupError('checksum', `message ${file.guid} does not match its GUID`, {
        subject: file.guid,
      });
    }
    this.#files.push(staged);
  }

  async finish(): Promise<UploadedLine> {
    return { segment: await this.#writer.finish(), files: this.#files };
  }

  abort(): void {
    this.#writer.abort();
  }
}

export class Uploads {
  readonly #staging: Staging;
  readonly #files = new Map<string, StagedFile>();
  /**
   * The number of unclaimed files in each uploaded line. When the last file of a line is claimed,
   * the line's segment is dropped.
   */
  readonly #waiting = new Map<UploadedLine, number>();

  constructor(options: StagingOptions) {
    this.#staging = new Staging(options);
  }

  /** The number of compressed bytes that are not claimed yet. */
  get stagedBytes(): number {
    return this.#staging.stagedBytes;
  }

  /** The memory for the entries of unclaimed messages. */
  get entriesBytes(): number {
    return this.#files.size * ENTRY_BYTES;
  }

  begin(): Upload {
    return new Upload(this.#staging.begin(), MOST_MESSAGES - this.#files.size);
  }

  async take(upload: Upload): Promise<void> {
    const line = await upload.finish();
    let count = 0;
    for (const file of line.files) {
      if (this.#files.has(file.guid)) continue;
      this.#files.set(file.guid, { line, file });
      count += 1;
    }
    if (count === 0) line.segment.drop();
    else this.#waiting.set(line, count);
  }

  /**
   * Returns the sources of the wanted messages: whole segments if all of their messages are wanted,
   * and single messages otherwise. The source may also be another held backup, in which this
   * session has just stored the message.
   */
  async sources(
    wanted: ReadonlySet<string>,
    held: Iterable<Backup>,
    turn: Turn,
  ): Promise<{ sources: MessageSource[]; found: Set<string> }> {
    const sources: MessageSource[] = [];
    const found = new Set<string>();
    for (const [line, count] of this.#waiting) {
      await turn();
      const isWhole = count === line.files.length && line.files.every(({ guid }) => wanted.has(guid));
      if (!isWhole) continue;
      sources.push({ kind: 'segment', line });
      for (const { guid } of line.files) found.add(guid);
    }
    const others = [...held];
    let looked = 0;
    for (const guid of wanted) {
      if (found.has(guid)) continue;
      if ((looked += 1) % LOOKED_A_STEP === 0) await turn();
      const source = this.#copyFromStage(guid) ?? copyFromBackups(guid, others);
      if (source === null) continue;
      sources.push(source);
      found.add(guid);
    }
    return { sources, found };
  }

  /** Marks messages as stored in a backup. */
  async claimed(guids: Iterable<string>, turn: Turn): Promise<void> {
    let count = 0;
    for (const guid of guids) {
      if ((count += 1) % CLAIMED_A_STEP === 0) await turn();
      const staged = this.#files.get(guid);
      if (staged === undefined) continue;
      this.#files.delete(guid);
      const left = (this.#waiting.get(staged.line) ?? 0) - 1;
      if (left > 0) this.#waiting.set(staged.line, left);
      else {
        this.#waiting.delete(staged.line);
        staged.line.segment.drop();
      }
    }
  }

  /** The size of these messages, of those that were uploaded. */
  bytesOf(guids: Iterable<string>): number {
    let bytes = 0;
    for (const guid of guids) bytes += this.#files.get(guid)?.file.size ?? 0;
    return bytes;
  }

  has(guid: string): boolean {
    return this.#files.has(guid);
  }

  /** Drops all unclaimed messages and returns their number. */
  clear(): number {
    const count = this.#files.size;
    for (const line of this.#waiting.keys()) line.segment.drop();
    this.#files.clear();
    this.#waiting.clear();
    return count;
  }

  close(): void {
    this.clear();
    this.#staging.close();
  }

  #copyFromStage(guid: string): MessageSource | null {
    const staged = this.#files.get(guid);
    if (staged === undefined) return null;
    const { file, line } = staged;
    return {
      kind: 'copy',
      file,
      read: (offset, sizeBytes) => line.segment.readRange(file.position + offset, sizeBytes),
    };
  }
}

function tooMany(): BackupError {
  return new BackupError('limit', `${MOST_MESSAGES} uploaded messages wait for a mailbox that records them`);
}

function copyFromBackups(guid: string, held: readonly Backup[]): MessageSource | null {
  for (const backup of held) {
    const message = messageByGuid(backup.index, guid);
    if (message === undefined || message.chunkId === null) continue;
    const file = new FileLiteral('default', guid, message.size);
    return {
      kind: 'copy',
      file,
      read: (offset, sizeBytes) => readMessage(backup.index, backup.fd, message, offset, sizeBytes),
    };
  }
  return null;
}
