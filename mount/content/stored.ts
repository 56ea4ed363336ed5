/** Where a block lies in a file, and the hook that is called before it is read. */

export interface Stored {
  /** Stays open for the duration of the request. */
  readonly fd: number;
  /** The block's bytes in the file, from `start` up to but not including `end`. */
  readonly start: number;
  readonly end: number;
}

/** Called before a block is loaded. May throw NotInMemory to have the request deferred. */
export type BeforeLoad = (stored: Stored) => void;

/**
 * Thrown when a request would have to wait for the disk, so that other requests need not wait with
 * it.
 */
export class NotInMemory extends Error {
  readonly stored: Stored;

  constructor(stored: Stored) {
    super('not in memory');
    this.name = 'NotInMemory';
    this.stored = stored;
  }
}
