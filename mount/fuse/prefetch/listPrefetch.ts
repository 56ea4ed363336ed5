/**
 * Prepares the next entries of a folder's list while the kernel still processes the previous ones.
 * A program that lists a long folder requests the next entries within a millisecond.
 *
 * Prepared entries are used only while the folder's list is unchanged (`listVersion`). Only
 * children that the folder identifies by number, such as messages, are prepared. Look-ups are
 * counted only when entries are sent, so unused entries need no cleanup.
 */
import { LRUCache } from 'lru-cache';
import type { Filesystem } from '../../vfs/filesystem.ts';
import type { Node } from '../../vfs/tree.ts';
import { entryEnd, entryNext, writePage } from '../wire/directory.ts';
import type { ListRequest, Page } from '../wire/directory.ts';
import type { Registry } from '../wire/registry.ts';
import { FOLDER_IO_BYTES } from '../wire/structs.ts';

/**
 * The most bytes to prepare. libc requests at most this many at a time, and the kernel requests the
 * part that is still missing.
 */
const MOST_BYTES = FOLDER_IO_BYTES;
/** If fewer bytes than this are free in the buffer, another query to fill it is not worthwhile. */
const WORTH_BYTES = 16 * 1024;
/** Only this many lists are tracked at a time. */
const MOST_LISTS = 8;

/** Prepared entries, in `buffer` from `start` to `end`. */
interface Ready {
  readonly request: ListRequest;
  readonly version: object;
  readonly buffer: Buffer;
  start: number;
  end: number;
  /**
   * The cookies of the entry before the first prepared one (`after`) and of the last one (`last`).
   */
  after: number;
  last: number;
  /** True if no entries after these can be prepared. */
  isAll: boolean;
}

export class ListPrefetch {
  readonly #filesystem: Filesystem;
  readonly #registry: Registry;
  readonly #generation: number;
  readonly #lists = new LRUCache<string, Ready>({ max: MOST_LISTS });
  #touched: Ready | undefined;

  constructor(filesystem: Filesystem, registry: Registry, generation: number) {
    this.#filesystem = filesystem;
    this.#registry = registry;
    this.#generation = generation;
  }

  /**
   * Writes as many prepared entries as fit and returns their length; undefined if there are none.
   */
  take(request: ListRequest, to: Buffer, at: number): number | undefined {
    const key = keyOf(request, request.cookie);
    const ready = this.#lists.get(key);
    if (ready === undefined) return undefined;
    this.#lists.delete(key);
    if (versionOf(request.node) !== ready.version) return undefined;
    const { buffer, start } = ready;
    let entries = 0;
    while (ready.start < ready.end) {
      const end = entryEnd(buffer, ready.start, request.withAttributes);
      if (end - start > request.sizeBytes) break;
      ready.after = entryNext(buffer, ready.start, request.withAttributes);
      ready.start = end;
      entries += 1;
    }
    if (entries === 0) return undefined;
    if (request.withAttributes) this.#registry.remember(request.node, entries);
    this.#keep(ready);
    return buffer.copy(to, at, start, ready.start);
  }

  /**
   * Notes that a page which was not prepared has been sent to the kernel. The entries after that
   * page will be prepared.
   */
  follow(request: ListRequest, { cookie, isFull }: Page): void {
    const version = isFull ? versionOf(request.node) : undefined;
    if (version === undefined) return;
    const buffer = Buffer.allocUnsafeSlow(MOST_BYTES);
    this.#keep({ request, version, buffer, start: 0, end: 0, after: cookie, last: cookie, isAll: false });
  }

  /**
   * Call when the answer has been sent. Prepares the next entries. An error is ignored, because the
   * request for these entries will report it.
   */
  afterReply(): void {
    const ready = this.#touched;
    this.#touched = undefined;
    if (ready === undefined || ready.isAll) return;
    const roomBytes = MOST_BYTES - (ready.end - ready.start);
    if (roomBytes < WORTH_BYTES) return;
    try {
      if (versionOf(ready.request.node) === ready.version) this.#fill(ready);
    } catch {
      this.#lists.delete(keyOf(ready.request, ready.after));
    }
  }

  #keep(ready: Ready): void {
    this.#lists.set(keyOf(ready.request, ready.after), ready);
    this.#touched = ready;
  }

  #fill(ready: Ready): void {
    const { buffer, request, last } = ready;
    const { node, referenceNumber } = request;
    buffer.copyWithin(0, ready.start, ready.end);
    ready.end -= ready.start;
    ready.start = 0;
    const sizeBytes = buffer.length - ready.end;
    const ofFolder = ({ place, number }: Node): number | undefined =>
      number !== 0 && place.key === node.place.key ? referenceNumber : undefined;
    const more = { ...request, cookie: last, sizeBytes };
    const page = writePage(this.#filesystem, more, this.#generation, buffer, ready.end, ofFolder);
    ready.end += page.bytes;
    ready.last = page.cookie;
    ready.isAll = page.bytes === 0 || !page.isFull;
  }
}

function keyOf({ referenceNumber, withAttributes }: ListRequest, after: number): string {
  return `${referenceNumber} ${withAttributes} ${after}`;
}

function versionOf({ place }: Node): object | undefined {
  return place.kind === 'folder' ? place.listVersion?.() : undefined;
}
