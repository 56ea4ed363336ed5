/**
 * The next page of a list, made while the kernel is still busy with the one before: who lists a long folder asks for it
 * within the millisecond.
 *
 * It is given only while the folder's list is still the same, which the folder tells (`listVersion`). Only children that are numbers in the
 * folder go into it: their lookups are counted when they are given, and nothing has to be taken back where they are not.
 */
import { LRUCache } from 'lru-cache';
import type { Filesystem } from '../../filesystem.ts';
import type { Node } from '../../tree.ts';
import { writePage } from './directory.ts';
import type { ListRequest, Page } from './directory.ts';
import type { Registry } from './registry.ts';

/** libc asks for 32 KiB at a time. */
const LONGEST_BYTES = 128 * 1024;
/** Who lists more folders than this at a time is not helped. */
const MOST_PAGES = 8;

interface ReadyPage extends Page {
  readonly buffer: Buffer;
  readonly entries: number;
  readonly version: object;
}

const keyOf = ({ placeNumber, cookie, sizeBytes, withAttributes }: ListRequest): string =>
  `${placeNumber} ${cookie} ${sizeBytes} ${withAttributes}`;

export class ListAhead {
  readonly #filesystem: Filesystem;
  readonly #registry: Registry;
  readonly #generation: number;
  readonly #ready = new LRUCache<string, ReadyPage>({ max: MOST_PAGES });
  #wanted: ListRequest | undefined;

  constructor(filesystem: Filesystem, registry: Registry, generation: number) {
    this.#filesystem = filesystem;
    this.#registry = registry;
    this.#generation = generation;
  }

  /** Writes the page, if it is ready, and returns its bytes. */
  take(request: ListRequest, to: Buffer, start: number): number | undefined {
    const key = keyOf(request);
    const page = this.#ready.get(key);
    if (page === undefined) return undefined;
    this.#ready.delete(key);
    if (versionOf(request.node) !== page.version) return undefined;
    page.buffer.copy(to, start, 0, page.bytes);
    if (request.withAttributes) this.#registry.remember(request.node, page.entries);
    this.given(request, page);
    return page.bytes;
  }

  /** The page was given to the kernel. */
  given(request: ListRequest, { cookie, isFull }: Page): void {
    const isOfUse = isFull && request.sizeBytes <= LONGEST_BYTES && versionOf(request.node) !== undefined;
    this.#wanted = isOfUse ? { ...request, cookie } : undefined;
  }

  /** What is to be done when the kernel has its answer. What fails is not kept, and fails again when it is asked for. */
  afterReply(): void {
    const request = this.#wanted;
    if (request === undefined) return;
    this.#wanted = undefined;
    const { node, placeNumber, sizeBytes } = request;
    let entries = 0;
    const countLookup = ({ place, number }: Node): number | undefined => {
      if (number === 0 || place.key !== node.place.key) return undefined;
      entries += 1;
      return placeNumber;
    };
    try {
      const version = versionOf(node);
      const buffer = Buffer.allocUnsafeSlow(sizeBytes);
      const page = writePage(this.#filesystem, request, this.#generation, buffer, 0, countLookup);
      if (page.bytes === 0 || version === undefined) return;
      this.#ready.set(keyOf(request), { ...page, buffer, entries, version });
    } catch {
      this.#ready.delete(keyOf(request));
    }
  }
}

function versionOf({ place }: Node): object | undefined {
  return place.kind === 'folder' ? place.listVersion?.() : undefined;
}
