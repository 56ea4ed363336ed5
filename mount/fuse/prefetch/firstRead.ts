/**
 * Loads a message as soon as its name has been looked up, because the program usually reads it
 * next. While the program wakes up and opens the file, the mount inflates and checks the message.
 * So the bytes are ready when the program requests them.
 *
 * This is done only while the program's look-ups are in fact followed by reads. A program that only
 * looks up names, such as `ls -l`, must not cause every message to be inflated.
 */
import type { Filesystem } from '../../vfs/filesystem.ts';
import type { Attributes, Node } from '../../vfs/tree.ts';

/**
 * Messages are loaded early once this many consecutive look-ups were each followed by a read of the
 * file.
 */
const ENOUGH_TIMES = 2;
const LARGEST_BYTES = 128 * 1024;

interface LookedUp {
  readonly referenceNumber: number;
  readonly node: Node;
  readonly sizeBytes: number;
}

export class ReadyRead {
  readonly #filesystem: Filesystem;
  readonly #bytes = Buffer.allocUnsafeSlow(LARGEST_BYTES);
  #last: LookedUp | undefined;
  #isRead = true;
  #isDue = false;
  #times = 0;
  /** How many bytes in #bytes are the content of the last file; 0 if none. */
  #readyBytes = 0;

  constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem;
  }

  /** Notes that a look-up has found a file or folder. */
  note(referenceNumber: number, node: Node, { kind, sizeBytes }: Attributes): void {
    if (!this.#isRead) this.#times = 0;
    const isReadable = kind === 'file' && node.number !== 0 && sizeBytes > 0;
    this.#last = isReadable ? { referenceNumber, node, sizeBytes } : undefined;
    this.#isRead = !isReadable;
    this.#isDue = isReadable && sizeBytes <= LARGEST_BYTES && this.#times >= ENOUGH_TIMES;
    this.#readyBytes = 0;
  }

  /**
   * Notes a read from the start of a file. Copies the whole file if it is ready and fits into the
   * target; otherwise returns undefined.
   */
  take(referenceNumber: number, { number }: Node, target: Buffer): number | undefined {
    const last = this.#last;
    if (last?.referenceNumber !== referenceNumber || last.node.number !== number) return undefined;
    this.#isRead = true;
    this.#isDue = false;
    this.#times += 1;
    const isReady = this.#readyBytes > 0 && this.#readyBytes <= target.length;
    const bytes = isReady ? this.#bytes.copy(target, 0, 0, this.#readyBytes) : undefined;
    this.#last = undefined;
    this.#readyBytes = 0;
    return bytes;
  }

  /**
   * Call when the answer has been sent. Loads the file that was looked up last. An error is
   * ignored, because the actual read will report it.
   */
  afterReply(): void {
    const last = this.#last;
    if (last === undefined || !this.#isDue) return;
    this.#isDue = false;
    try {
      this.#readyBytes = this.#filesystem.read(last.node, 0, this.#bytes.subarray(0, last.sizeBytes));
    } catch {
      this.#readyBytes = 0;
    }
  }
}
