/**
 * Bytes that come in pieces, gathered in one buffer that doubles: a list of pieces of a byte each, as hostile input has
 * them, would take a hundred times their memory.
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

  /** All of them, the caller's from then on. */
  take(): Buffer {
    const all = this.#buffer.subarray(0, this.length);
    this.#buffer = Buffer.alloc(0);
    this.length = 0;
    return all;
  }

  #grow(length: number): void {
    // The first piece mostly is all there is.
    const grown = Buffer.allocUnsafe(this.length === 0 ? length : Math.max(length, 2 * this.#buffer.length));
    this.#buffer.copy(grown, 0, 0, this.length);
    this.#buffer = grown;
  }
}
