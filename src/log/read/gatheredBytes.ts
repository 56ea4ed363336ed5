/**
 * Collects pieces of bytes in one buffer, which doubles in size when it is full. Hostile input may
 * arrive one byte at a time: a list of such pieces would take a hundred times the memory of the
 * bytes.
 */
export class GatheredBytes {
  #buffer = Buffer.alloc(0);
  length = 0;

  /** Appends a copy of the piece. */
  add(piece: Buffer): void {
    const length = this.length + piece.length;
    if (length > this.#buffer.length) this.#grow(length);
    piece.copy(this.#buffer, this.length);
    this.length = length;
  }

  /** Returns all bytes. The caller owns the returned buffer. */
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
