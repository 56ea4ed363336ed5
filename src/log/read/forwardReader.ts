/**
 * Reads stretches of a chunk in order from a flush point, and drops what is between them. The
 * inflater's state is kept between reads. A caller that reads through a chunk without flush points
 * (as Cyrus' own compaction writes them) thus inflates it only once.
 */
import { BackupError } from '../../errors.ts';
import type { FlushPoint } from '../format.ts';
import { Inflater } from './inflater.ts';
import { readSyncInto } from '../../fs/io.ts';

const PIECE_BYTES = 65_536;

export class ForwardReader {
  readonly #fd: number;
  readonly #start: FlushPoint;
  readonly #fileLimit: number;
  readonly #inflater: Inflater;
  readonly #input = Buffer.allocUnsafe(PIECE_BYTES);
  readonly #output = Buffer.allocUnsafe(PIECE_BYTES);
  #filePosition: number;
  /** The number of input bytes read, and how many of them the inflater has consumed. */
  #have = 0;
  #taken = 0;
  #isFull = false;
  /** The part of the output that the caller has not received yet. */
  #from = 0;
  #to = 0;
  #position: number;

  /**
   * Reads no byte of the file at or after `fileLimit`. If the caller passes an inflater, it must be
   * fresh.
   */
  constructor(fd: number, start: FlushPoint, fileLimit: number, inflater = new Inflater()) {
    this.#fd = fd;
    this.#start = start;
    this.#fileLimit = fileLimit;
    this.#inflater = inflater;
    this.#filePosition = start.fileOffset;
    this.#position = start.offset;
  }

  /** The next byte's uncompressed offset in the chunk. */
  get position(): number {
    return this.#position;
  }

  /**
   * Returns `size` bytes at an offset that is not before the current position. Throws 'damaged'.
   */
  read(offset: number, size: number): Buffer {
    if (offset < this.#position) throw damaged(this.#start, `stands behind offset ${offset}`);
    const end = offset + size;
    while (this.#position + (this.#to - this.#from) <= offset) {
      this.#position += this.#to - this.#from;
      if (size === 0) break;
      this.#fill(end);
    }
    this.#take(Math.min(this.#to - this.#from, offset - this.#position));
    const result = Buffer.allocUnsafe(size);
    for (let filled = 0; filled < size;) {
      if (this.#from === this.#to) this.#fill(end);
      const copied = this.#output.copy(
        result,
        filled,
        this.#from,
        Math.min(this.#to, this.#from + size - filled),
      );
      filled += copied;
      this.#take(copied);
    }
    return result;
  }

  /** Releases zlib's memory. */
  close(): void {
    this.#inflater.close();
  }

  #take(bytes: number): void {
    this.#from += bytes;
    this.#position += bytes;
  }

  /**
   * Inflates the next piece, which replaces the old output. It inflates no further than `wanted`.
   * zlib does not report the output of a failing step, and damage may directly follow the wanted
   * bytes.
   */
  #fill(wanted: number): void {
    this.#from = 0;
    this.#to = 0;
    while (this.#to === 0) {
      if (!this.#isFull && this.#taken === this.#have) this.#readMore(wanted);
      const left = this.#have - this.#taken;
      const room = Math.min(PIECE_BYTES, Math.max(1, wanted - this.#position));
      const status = this.#inflater.step(this.#input, this.#taken, left, this.#output, 0, room);
      this.#taken += this.#inflater.consumed;
      this.#to = this.#inflater.produced;
      this.#isFull = status === 'full';
      const isOver = status === 'damaged' || (status === 'ended' && this.#to === 0);
      if (isOver) throw damaged(this.#start, `does not inflate up to offset ${wanted}`);
    }
  }

  #readMore(wanted: number): void {
    const room = Math.min(PIECE_BYTES, Math.max(0, this.#fileLimit - this.#filePosition));
    this.#have = readSyncInto(this.#fd, this.#input, 0, room, this.#filePosition);
    this.#taken = 0;
    this.#filePosition += this.#have;
    if (this.#have === 0) throw damaged(this.#start, `is cut off before offset ${wanted}`);
  }
}

export function damaged(start: FlushPoint, what: string): BackupError {
  return new BackupError('damaged', `block at ${start.fileOffset} (offset ${start.offset}): ${what}`);
}
