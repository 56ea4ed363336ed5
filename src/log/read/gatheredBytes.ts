/**
 * Gathers bytes that arrive in pieces in one buffer, which doubles as needed. Hostile input may
 * arrive in pieces of one byte: a list of such pieces would take a hundred times their memory.
 */
export class GatheredBytes {
  #buffer = Buffer.alloc(0);
  length = 0;

  /** Copies the piece. */
  add(piece: Buffer): void {
    const length = this.length + piece.length;
    if (length > this.#buffer.length) this.#grow(length);
    piece.copy(this.#buffer, this.length);
    this.length = length;
  }

  /** Returns all of the bytes, which then belong to the caller. */
  take(): Buffer {
    const all = this.#buffer.subarray(0, this.length);
    this.#buffer = Buffer.alloc(0);
    this.length = 0;
    return all;
  }

  #grow(length: number): void {
    // Usually the first piece is the only one.
    const grown = Buffer.allocUnsafe(this.length === 0 ? length : Math.max(length, 2 * this.#buffer.length));
    this.#buffer.copy(grown, 0, 0, this.length);
    this.#buffer = grown;
  }
}
