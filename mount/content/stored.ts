/** Where a block lies in a file, and what to do before it is read from there. */

export interface Stored {
  /** Open for as long as the request lasts. */
  readonly fd: number;
  /** From the first byte in the file to behind the last. */
  readonly start: number;
  readonly end: number;
}

/** Called before a block is loaded. May throw NotInMemory: the request is then to be answered later. */
export type BeforeLoad = (stored: Stored) => void;

/** Thrown where a request would have to wait for the disk, and others should not wait for it. */
export class NotInMemory extends Error {
  readonly stored: Stored;

  constructor(stored: Stored) {
    super('not in memory');
    this.name = 'NotInMemory';
    this.stored = stored;
  }
}
