/**
 * Reads content with a known SHA-1, and detects bytes that have changed on the disk. Deflate alone
 * does not detect every change: one letter may turn into another without an error.
 *
 * - If a file is read in one request, it is checked at once. Its last block then need not be
 *   inflated   beyond the file's end.
 * - If a file is read sequentially in pieces, it is checked when the last piece is read.
 * - If only parts of a file are read, only the length of each block is checked.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { sha1Of } from '../../src/backup/read/messageBytes.ts';
import { BackupError } from '../../src/errors.ts';
import type { Content } from '../vfs/tree.ts';
import { readRange } from './readRange.ts';
import type { BlockSources } from './readRange.ts';

/**
 * The number of files that can be checked while they are read in pieces at the same time. Beyond
 * this number, the least recently read file is not checked.
 */
const MOST_BEGUN = 64;

interface Begun {
  readonly hash: Hash;
  nextOffset: number;
}

export class CheckedReads {
  readonly #sources: BlockSources;
  /** The files being read in pieces, by SHA-1. Files with the same SHA-1 have the same bytes. */
  readonly #begun = new LRUCache<string, Begun>({ max: MOST_BEGUN });

  constructor(sources: BlockSources) {
    this.#sources = sources;
  }

  /** Like readRange, but throws the content's own error if the bytes do not match its SHA-1. */
  read(content: Content, offset: number, target: Buffer): number {
    const { check, sizeBytes } = content;
    if (check === undefined) return this.#range(content, offset, target);
    if (offset === 0 && target.length >= sizeBytes) return this.#readAll(content, check, target);
    const count = this.#range(content, offset, target);
    this.#follow(content, check, offset, target.subarray(0, count));
    return count;
  }

  #range(content: Content, offset: number, target: Buffer, needed: 'whole' | 'start' = 'whole'): number {
    return readRange(content, this.#sources, offset, target, needed);
  }

  #readAll(content: Content, { sha1, failed }: NonNullable<Content['check']>, target: Buffer): number {
    const isRight = (count: number): boolean => sha1Of(target.subarray(0, count)) === sha1;
    try {
      const count = this.#range(content, 0, target, 'start');
      if (isRight(count)) return count;
    } catch (error) {
      if (!(error instanceof BackupError && error.kind === 'damaged')) throw error;
    }
    const count = this.#range(content, 0, target);
    if (isRight(count)) return count;
    throw failed();
  }

  #follow(
    { sizeBytes }: Content,
    { sha1, failed }: NonNullable<Content['check']>,
    offset: number,
    bytes: Buffer,
  ): void {
    const begun = offset === 0 ? { hash: createHash('sha1'), nextOffset: 0 } : this.#begun.get(sha1);
    if (begun === undefined || begun.nextOffset !== offset || bytes.length === 0) return;
    begun.hash.update(bytes);
    begun.nextOffset += bytes.length;
    if (begun.nextOffset < sizeBytes) this.#begun.set(sha1, begun);
    else {
      this.#begun.delete(sha1);
      if (begun.hash.digest('hex') !== sha1) throw failed();
    }
  }
}
