/**
 * The places that the kernel remembers. A FUSE nodeid has 64 bits: a place's number above, a child's number
 * (a message's UID) below; so a message costs nothing here however many the kernel knows.
 *
 * A place stays for as long as the kernel holds lookups of it or of any of its children, and its number is
 * never given to another place in the life of the process, so a nodeid that went stale is never mistaken.
 * The root has number 0 and is never forgotten.
 *
 * With several worker threads on one descriptor, any of them may get a FORGET for what another looked up.
 * Numbers and counts would then move into a SharedArrayBuffer: an Int32Array slot per number with the count,
 * changed by Atomics.add, and the next free number taken the same way; keys would be sent to the other
 * workers by a MessagePort drained with receiveMessageOnPort when a number is unknown, and each would make
 * its own Place of the key. The interface below would stay.
 */
import { BackupError } from '../../../src/errors.ts';
import { FsError } from '../../vfs/fsError.ts';
import type { FolderPlace, KnownFolder, Node, Place, ShownFolder } from '../../vfs/tree.ts';

export const ROOT_NUMBER = 0;
const MAX_NUMBER = 0xffffffff;

interface Known {
  readonly number: number;
  place: Place;
  lookups: number;
  /** The watcher knows it. */
  isTold: boolean;
}

/** Which folders the kernel has come to know, and of which it knows nothing any more. */
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

  constructor(root: FolderPlace) {
    this.#add({ number: ROOT_NUMBER, place: root, lookups: 1, isTold: false });
  }

  /** Counts lookups of the node, or of children of the folder that it is; returns its place's number. */
  remember(node: Node, lookups = 1): number {
    const known = this.#byKey.get(node.place.key) ?? this.#addNew(node.place);
    known.place = node.place;
    known.lookups += lookups;
    return known.number;
  }

  /** The kernel gives back lookups of the place or its children. */
  forget(number: number, lookups: number): void {
    const known = this.#byNumber.get(number);
    if (known === undefined || number === ROOT_NUMBER) return;
    known.lookups -= lookups;
    if (known.lookups > 0) return;
    this.#byNumber.delete(number);
    this.#byKey.delete(known.place.key);
    if (known.isTold) this.#forgotten.push(number);
  }

  /** What of it is new since the last call; undefined: nothing. */
  takeNews(): RegistryNews | undefined {
    if (this.#remembered.length === 0 && this.#forgotten.length === 0) return undefined;
    const news = { remembered: this.#remembered, forgotten: this.#forgotten };
    this.#remembered = [];
    this.#forgotten = [];
    return news;
  }

  /** Throws ESTALE for what was forgotten: only an NFS client can still hold such a nodeid. */
  place(number: number): Place {
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

  #addNew(place: Place): Known {
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

function shownOf(place: Place): ShownFolder | undefined {
  return place.kind === 'folder' ? place.shown : undefined;
}
