/** The location of a block in a file, and the hook that is called before the block is read. */

export interface Stored {
  /** The descriptor of the file, which stays open for the duration of the request. */
  readonly fd: number;
  /** The byte range of the block in the file, from `start` up to but not including `end`. */
  readonly start: number;
  readonly end: number;
}

/**
 * A function that is called before a block is loaded. It may throw NotInMemory to defer the
 * request.
 */
export type BeforeLoad = (stored: Stored) => void;

/**
 * Thrown if a request would have to wait for the disk. The request is deferred, and other requests
 * are answered in the meantime.
 */
export class NotInMemory extends Error {
  readonly stored: Stored;

  constructor(stored: Stored) {
    super('not in memory');
    this.name = 'NotInMemory';
    this.stored = stored;
  }
}
