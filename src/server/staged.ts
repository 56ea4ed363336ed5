/**
 * Messages that a session has uploaded and no mailbox has claimed yet.
 *
 * Masters upload first and say whose a message is afterwards, in MAILBOX. So an upload is compressed as the log will
 * hold it and kept aside; the backup of the user whose mailbox records it takes it over, and nobody else's does.
 * As in Cyrus' own sync_server, what is not claimed goes with RESTART or the connection.
 */
import { createHash } from 'node:crypto';
import type { Backup } from '../backup/backup.ts';
import { readMessage } from '../backup/content.ts';
import type { MessageSource, StagedLine } from '../backup/messageSource.ts';
import type { Turn } from '../backup/options.ts';
import { BackupError } from '../errors.ts';
import { messageByGuid } from '../index/queries.ts';
import { Staging } from '../log/segment.ts';
import type { SegmentWriter, StagingOptions } from '../log/segment.ts';
import { FileLiteral } from '../protocol/dlist.ts';
import { printFileHeader } from '../protocol/print.ts';
import type { ByteSource } from '../protocol/source.ts';

interface StagedFile {
  readonly line: StagedLine;
  readonly file: FileLiteral;
}

/** Of one session, to bound what is known of each: a mailbox of a million messages that comes in one batch. */
const MOST_MESSAGES = 1_000_000;

/** Half a millisecond: each may be looked for in all backups that the session holds. */
const LOOKED_A_STEP = 8;
const CLAIMED_A_STEP = 1024;

const ENTRY_BYTES = 400;

/** One MESSAGE command while it comes in. */
export class Upload {
  readonly #writer: SegmentWriter;
  readonly #files: FileLiteral[] = [];
  readonly #mostMessages: number;

  constructor(writer: SegmentWriter, mostMessages: number) {
    this.#writer = writer;
    this.#mostMessages = mostMessages;
  }

  /** Takes a message's bytes from the wire. Throws 'checksum' where they are not what the GUID promises. */
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

  async finish(): Promise<StagedLine> {
    return { segment: await this.#writer.finish(), files: this.#files };
  }

  abort(): void {
    this.#writer.abort();
  }
}

export class StagedMessages {
  readonly #staging: Staging;
  readonly #files = new Map<string, StagedFile>();
  /** How many files of a line wait to be claimed; its segment is dropped with the last. */
  readonly #waiting = new Map<StagedLine, number>();

  constructor(options: StagingOptions) {
    this.#staging = new Staging(options);
  }

  /** Compressed bytes that wait to be claimed. */
  get stagedBytes(): number {
    return this.#staging.stagedBytes;
  }

  /** What is known of each message that waits takes memory, too. */
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
   * Where to take the wanted messages from: whole segments where all of their messages are wanted, single ones from
   * the rest, or from another backup that this session holds and has just stored them in.
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

  /** These are in a backup now. */
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

  has(guid: string): boolean {
    return this.#files.has(guid);
  }

  /** Forgets all that nobody claimed; answers how many messages that were. */
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
    if (message === undefined || message.chunk_id === null) continue;
    const file = new FileLiteral('default', guid, message.size);
    return {
      kind: 'copy',
      file,
      read: (offset, sizeBytes) => readMessage(backup.index, backup.fd, message, offset, sizeBytes),
    };
  }
  return null;
}
