/**
 * Who looks up a message by its name mostly reads it next. While the program that asked is woken, and opens the file, the message is inflated and
 * checked: its bytes are ready when they are asked for.
 *
 * That is done only as long as it is what happens: who looks up names to see what they are, as `ls -l` may, is not to have everything inflated.
 */
import type { Filesystem } from '../../vfs/filesystem.ts';
import type { Attributes, Node } from '../../vfs/tree.ts';

/** So many lookups, one after another, were followed by a read of just that. */
const ENOUGH_TIMES = 2;
const LARGEST_BYTES = 128 * 1024;

interface LookedUp {
  readonly placeNumber: number;
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
  /** How much of #bytes is the content of the last one. */
  #readyBytes = 0;

  constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem;
  }

  /** A name was found. */
  note(placeNumber: number, node: Node, { kind, sizeBytes }: Attributes): void {
    if (!this.#isRead) this.#times = 0;
    const isReadable = kind === 'file' && node.number !== 0 && sizeBytes > 0;
    this.#last = isReadable ? { placeNumber, node, sizeBytes } : undefined;
    this.#isRead = !isReadable;
    this.#isDue = isReadable && sizeBytes <= LARGEST_BYTES && this.#times >= ENOUGH_TIMES;
    this.#readyBytes = 0;
  }

  /** The beginning of a file is asked for: all of it, if it is ready and goes into the target, or undefined. */
  take(placeNumber: number, { number }: Node, target: Buffer): number | undefined {
    const last = this.#last;
    if (last?.placeNumber !== placeNumber || last.node.number !== number) return undefined;
    this.#isRead = true;
    this.#isDue = false;
    this.#times += 1;
    const isReady = this.#readyBytes > 0 && this.#readyBytes <= target.length;
    const bytes = isReady ? this.#bytes.copy(target, 0, 0, this.#readyBytes) : undefined;
    this.#last = undefined;
    this.#readyBytes = 0;
    return bytes;
  }

  /** What is to be done when the kernel has its answer. What fails then fails again when it is asked for. */
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
