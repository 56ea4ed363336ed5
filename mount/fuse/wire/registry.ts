/**
 * Keeps the places that the kernel remembers. A place is a folder, or another node without a number
 * in its folder. A FUSE nodeid has 64 bits. The upper half is a place's number, and the lower half
 * is a child's number, such as a message's UID. So messages need no memory here, regardless of how
 * many the kernel knows.
 *
 * A place is kept as long as the kernel holds look-ups of it or of any of its children. Its number
 * is never reused while the process lives, so a stale nodeid never refers to another node. The root
 * has number 0 and is never forgotten.
 *
 * This design assumes one worker thread. With several on one descriptor, a worker could get a
 * FORGET for a look-up that another worker has answered. The registry would then need these
 * changes, with the same interface:
 *
 * - Numbers and counts move into a SharedArrayBuffer, with one Int32Array element per number.
 *   Counts and the next free number are changed with Atomics.add.
 * - Keys are sent to the other workers by MessagePort. A worker that meets an unknown number drains
 *   its port with receiveMessageOnPort, and makes its own NodeReference from the key.
 */
import { BackupError } from '../../../src/errors.ts';
import { FsError } from '../../vfs/fsError.ts';
import type { FolderReference, KnownFolder, Node, NodeReference, ShownFolder } from '../../vfs/tree.ts';

export const ROOT_NUMBER = 0;
const MAX_NUMBER = 0xffffffff;

interface Known {
  readonly number: number;
  place: NodeReference;
  lookups: number;
  /** True if the thread that watches for changes knows of this place. */
  isTold: boolean;
}

/** The folders that the kernel has newly looked up, and those that it has completely forgotten. */
export interface RegistryNews {
  readonly remembered: readonly KnownFolder[];
  readonly forgotten: readonly number[];
}

export class Registry {
  #remembered: KnownFolder[] = [];
  #forgotten: number[] = [];
  readonly #byNumber = new Map<number, Known>();
  readonly #byKey = new Map<string, Known>();
  #next = 1;

  constructor(root: FolderReference) {
    this.#add({ number: ROOT_NUMBER, place: root, lookups: 1, isTold: false });
  }

  /**
   * Counts look-ups by the kernel of a node, or of the children of a folder. Returns its place's
   * number.
   */
  remember(node: Node, lookups = 1): number {
    const known = this.#byKey.get(node.place.key) ?? this.#addNew(node.place);
    known.place = node.place;
    known.lookups += lookups;
    return known.number;
  }

  /** Subtracts look-ups of the place or its children, which the kernel has ended. */
  forget(number: number, lookups: number): void {
    const known = this.#byNumber.get(number);
    if (known === undefined || number === ROOT_NUMBER) return;
    known.lookups -= lookups;
    if (known.lookups > 0) return;
    this.#byNumber.delete(number);
    this.#byKey.delete(known.place.key);
    if (known.isTold) this.#forgotten.push(number);
  }

  /** Returns the changes since the last call; undefined if there are none. */
  takeNews(): RegistryNews | undefined {
    if (this.#remembered.length === 0 && this.#forgotten.length === 0) return undefined;
    const news = { remembered: this.#remembered, forgotten: this.#forgotten };
    this.#remembered = [];
    this.#forgotten = [];
    return news;
  }

  /**
   * Returns the place with this number. Throws ESTALE if the kernel has forgotten it. Only an NFS
   * client can still hold such a nodeid.
   */
  place(number: number): NodeReference {
    const known = this.#byNumber.get(number);
    if (known === undefined) throw new FsError('ESTALE');
    return known.place;
  }

  numberOf(key: string): number | undefined {
    return this.#byKey.get(key)?.number;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  #addNew(place: NodeReference): Known {
    const known = this.#add({ number: this.#take(), place, lookups: 0, isTold: false });
    const shown = shownOf(place);
    const parent = place.parent === undefined ? undefined : this.numberOf(place.parent.key);
    if (shown !== undefined && parent !== undefined) {
      known.isTold = true;
      this.#remembered.push({ number: known.number, parent, shown });
    }
    return known;
  }

  #add(known: Known): Known {
    this.#byNumber.set(known.number, known);
    this.#byKey.set(known.place.key, known);
    return known;
  }

  #take(): number {
    if (this.#next > MAX_NUMBER) {
      throw new BackupError('limit', 'the mount has used up its node numbers: mount it anew');
    }
    return this.#next++;
  }
}

function shownOf(place: NodeReference): ShownFolder | undefined {
  return place.kind === 'folder' ? place.shown : undefined;
}
