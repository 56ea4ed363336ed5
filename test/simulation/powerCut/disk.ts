/**
 * Computes the state of a disk after a power cut from recorded operations: contents as in
 * ../disk/content.ts. Changes of names reach the disk in order. Any number of those since the
 * folder's last sync may be lost.
 */
import { FileContent } from '../disk/content.ts';
import type { Operation } from './recorder.ts';

export type Files = Map<string, Buffer>;

export class CrashedDisk {
  readonly #files = new Map<number, FileContent>();
  #names = new Map<string, number>();
  #syncedNames = new Map<string, number>();
  #pendingNames: Map<string, number>[] = [];

  /** `start` is the disk before the first operation. */
  constructor(start: ReadonlyMap<string, { ino: number; bytes: Buffer }> = new Map()) {
    for (const [path, { ino, bytes }] of start) {
      this.#files.set(ino, new FileContent(bytes));
      this.#names.set(path, ino);
    }
    this.#syncedNames = new Map(this.#names);
  }

  run(operation: Operation): void {
    if (operation.kind === 'mark') return;
    if (operation.kind === 'name' || operation.kind === 'unname') return this.#rename(operation);
    if (operation.kind === 'syncFolder') {
      this.#syncedNames = new Map(this.#names);
      this.#pendingNames = [];
      return;
    }
    const file = this.#file(operation.ino);
    if (operation.kind === 'sync') file.sync();
    else file.change(operation);
  }

  #rename(operation: Extract<Operation, { kind: 'name' | 'unname' }>): void {
    const names = new Map(this.#names);
    if (operation.kind === 'unname') names.delete(operation.path);
    else {
      if (operation.from !== null) names.delete(operation.from);
      names.set(operation.path, operation.ino);
    }
    this.#names = names;
    this.#pendingNames.push(names);
  }

  #file(ino: number): FileContent {
    let file = this.#files.get(ino);
    if (file === undefined) this.#files.set(ino, (file = new FileContent()));
    return file;
  }

  /** A file's content with everything that was written to it. */
  full(path: string): Buffer {
    const ino = this.#names.get(path);
    if (ino === undefined) return Buffer.alloc(0);
    return Buffer.from(this.#file(ino).bytes);
  }

  /**
   * Returns the files that a restart finds. The name of a file that was just created may be
   * missing, like any other change of a name.
   */
  crash(random: () => number): Files {
    const states = [this.#syncedNames, ...this.#pendingNames];
    const names = states[Math.floor(random() * states.length)] ?? this.#syncedNames;
    const contents = new Map<number, Buffer>();
    for (const ino of new Set(names.values())) contents.set(ino, this.#file(ino).crashed(random));
    return new Map(Array.from(names, ([path, ino]) => [path, contents.get(ino) ?? Buffer.alloc(0)]));
  }
}
