/**
 * Builds and updates the search index of one backup from the messages that the backup holds. Works
 * in batches, each in one transaction with the progress, so a kill costs one batch. Takes no lock
 * of the backup and never makes a writer wait.
 */
import { BlockReader } from '../backup/read/blockReader.ts';
import { readMessage } from '../backup/read/messageBytes.ts';
import { BackupReader } from '../backup/reader.ts';
import { BackupError } from '../errors.ts';
import { messageByGuid } from '../index/queries/messages.ts';
import { heldAfter, heldMessages, heldTotals } from '../index/queries/messages.ts';
import type { HeldMessage } from '../index/queries/messages.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';
import { SearchIndex, searchIndexPath } from './store/searchIndex.ts';
import type { DocumentWords, Scope } from './store/searchIndex.ts';
import { messageText } from './text/messageText.ts';
import type { MessageText } from './text/messageText.ts';
import { documentWords } from './text/words.ts';

const BATCH_BYTES = 16 << 20;
/** The beginning of a larger message is searched, not all of it. */
const LONGEST_READ_BYTES = 64 << 20;

export interface BuildResult {
  readonly added: number;
  readonly removed: number;
  readonly bytes: number;
  /** GUIDs of messages that cannot be read; the index goes on without them. */
  readonly unreadable: readonly string[];
}

export interface BuildOptions {
  readonly scope: Scope;
  /** Called between batches; a build that returns false stops and is continued by the next. */
  readonly mayContinue?: () => boolean;
}

/** Brings a backup's search index up to date. Throws BackupErrors of the backup. */
export function buildSearchIndex(dataPath: string, options: BuildOptions): BuildResult {
  try {
    return build(dataPath, options);
  } catch (error) {
    const path = searchIndexPath(dataPath);
    if (!isDamagedIndex(error) || error.path !== path) throw error;
    // The search index turned out to be damaged: begin anew.
    SearchIndex.create(path).close();
    return build(dataPath, options);
  }
}

function build(dataPath: string, options: BuildOptions): BuildResult {
  const reader = new BackupReader(dataPath);
  const release = reader.index.holdSnapshot();
  const search = openFor(searchIndexPath(dataPath), options.scope);
  const builder = new Builder(reader, search, options);
  try {
    return builder.run();
  } finally {
    builder.close();
    search.close();
    release();
    reader.close();
  }
}

/** An index that holds less than is wanted, or more, is built anew. */
function openFor(path: string, scope: Scope): SearchIndex {
  const search = SearchIndex.open(path, 'write');
  if (search === undefined) return SearchIndex.create(path);
  const progress = search.progress();
  if (progress === undefined || progress.scope === scope) return search;
  search.close();
  return SearchIndex.create(path);
}

class Builder {
  readonly #reader: BackupReader;
  readonly #search: SearchIndex;
  readonly #options: BuildOptions;
  readonly #blocks: BlockReader;
  readonly #unreadable: string[] = [];
  #batch: DocumentWords[] = [];
  #batchBytes = 0;
  #added = 0;
  #bytes = 0;

  constructor(reader: BackupReader, search: SearchIndex, options: BuildOptions) {
    this.#reader = reader;
    this.#search = search;
    this.#options = options;
    this.#blocks = new BlockReader(reader.index);
  }

  run(): BuildResult {
    const { index } = this.#reader;
    const identity = this.#reader.indexIdentity ?? '';
    const before = this.#search.progress();
    const totals = heldTotals(index);
    const isSame = before?.identity === identity;
    // Bytes that came late have low ids: then every message is looked at.
    const isAppend = isSame && totals.count - before.held === heldAfter(index, before.lastMessage);
    const removed = isSame ? 0 : this.#removeGone();
    for (const message of heldMessages(index, isAppend ? before.lastMessage : 0)) {
      if (!this.#search.has(message.guid)) this.#add(message);
      if (this.#batchBytes >= BATCH_BYTES && !this.#flush(identity, message.id)) return this.#result(removed);
    }
    this.#flush(identity, totals.lastId, totals.count);
    return this.#result(removed);
  }

  close(): void {
    this.#blocks.close();
  }

  #add(message: HeldMessage): void {
    try {
      const text = readText(this.#reader, message.guid, this.#blocks);
      this.#batch.push(documentWords(message.guid, text, this.#options.scope === 'all'));
    } catch (error) {
      if (!(error instanceof BackupError) || isDamagedIndex(error)) throw error;
      this.#unreadable.push(message.guid);
    }
    this.#batchBytes += message.size + 1000;
    this.#bytes += message.size;
  }

  /** Writes the batch. Returns false if the build is to stop. */
  #flush(identity: string, lastMessage: number, held = -1): boolean {
    this.#search.add(this.#batch, { identity, lastMessage, held, scope: this.#options.scope });
    this.#added += this.#batch.length;
    this.#batch = [];
    this.#batchBytes = 0;
    return this.#options.mayContinue?.() ?? true;
  }

  /** Removes the documents of messages that a compaction or an erasure has dropped. */
  #removeGone(): number {
    const gone: string[] = [];
    for (const guid of this.#search.allGuids()) {
      const message = messageByGuid(this.#reader.index, guid);
      if (message === undefined || message.chunkId === null) gone.push(guid);
    }
    if (gone.length > 0) this.#search.remove(gone);
    return gone.length;
  }

  #result(removed: number): BuildResult {
    return { added: this.#added, removed, bytes: this.#bytes, unreadable: this.#unreadable };
  }
}

/** Reads a message and extracts its text. Throws 'not-found' and 'damaged'. */
export function readText(reader: BackupReader, guid: string, blocks: BlockReader): MessageText {
  const message = messageByGuid(reader.index, guid);
  if (message === undefined) throw new BackupError('not-found', `no message ${guid} in this backup`);
  const sizeBytes = Math.min(message.size, LONGEST_READ_BYTES);
  const text = messageText(readMessage(reader.index, reader.fd, message, 0, sizeBytes, blocks.load));
  return message.size > sizeBytes ? { ...text, isCut: true } : text;
}
