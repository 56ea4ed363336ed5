/**
 * The handlers for libfuse2's path-based interface, implemented with the file system core
 * (mount/vfs). A handler must not throw, because that would end the process and leave a dead mount.
 * It must return only errnos that the kernel accepts.
 */
import { faultLog } from '../faultLog.ts';
import type { Filesystem } from '../vfs/filesystem.ts';
import { errnoOfError } from '../vfs/fsError.ts';
import { FsError } from '../vfs/fsError.ts';
import type { Node } from '../vfs/tree.ts';
import type { AttributeAnswers, ListedName } from './attributeAnswers.ts';
import type { NativeHandler, Operations, XattrSignal } from './binding.ts';
import { statfsOf } from './convert.ts';
import type { Paths } from './paths.ts';

export interface XattrOperations {
  readonly getxattr: (signal: XattrSignal, path: string, name: string, target: Buffer) => void;
  readonly listxattr: (signal: XattrSignal, path: string, target: Buffer) => void;
}

export interface AttributeHandlers {
  readonly getattr: NativeHandler;
  readonly fgetattr: NativeHandler;
  readonly readdir: NativeHandler;
}

type Log = (line: string) => void;

type Guard = (what: string, action: () => void, fail: (errno: number) => void) => void;

/**
 * Returns a function that begins a request and calls `action`. An error thrown by `action` is
 * returned as a negative errno. It is also logged, unless it concerns only the request.
 */
function guardOf(filesystem: Filesystem, log: Log): Guard {
  const faults = faultLog(log);
  const perform = (action: () => void): void => {
    filesystem.begin();
    try {
      action();
    } catch (error) {
      if (!filesystem.goesOnWithout(error)) throw error;
      faults('going on without the index', error);
      filesystem.begin();
      action();
    }
  };
  return (what, action, fail) => {
    try {
      perform(action);
    } catch (error) {
      faults(what, error);
      fail(-errnoOfError(error));
    }
  };
}

/** The nodes of open files, indexed by the file handles that the binding uses. */
export class OpenNodes {
  readonly #nodes = new Map<number, Node>();
  #last = 0;

  add(node: Node): number {
    // The handle is a positive 32-bit number. The binding takes 0 to mean "no handle".
    do this.#last = (this.#last % 0x7fffffff) + 1;
    while (this.#nodes.has(this.#last));
    this.#nodes.set(this.#last, node);
    return this.#last;
  }

  get(handle: number): Node | undefined {
    return this.#nodes.get(handle);
  }

  take(handle: number): Node | undefined {
    const node = this.#nodes.get(handle);
    this.#nodes.delete(handle);
    return node;
  }
}

export function operationsOf(filesystem: Filesystem, paths: Paths, opened: OpenNodes, log: Log): Operations {
  const guarded = guardOf(filesystem, log);
  return {
    ...(filesystem.tracksOpenFolders ? folderOperations(filesystem, paths, guarded) : {}),
    readlink: (path, done) =>
      guarded(path, () => done(0, filesystem.readlink(paths.node(path)).toString()), done),
    statfs: (path, done) => guarded(path, () => done(0, statfsOf(filesystem.statistics())), done),
    open(path, _flags, done) {
      const open = (): void => {
        const node = paths.node(path);
        done(0, opened.add(node));
      };
      guarded(path, open, done);
    },
    read(path, handle, target, sizeBytes, offset, done) {
      const node = opened.get(handle);
      const read = (): void =>
        done(filesystem.read(node ?? paths.node(path), offset, target.subarray(0, sizeBytes)));
      guarded(path, read, done);
    },
    release(_path, handle, done) {
      opened.take(handle);
      done(0);
    },
    // These handlers only make the binding announce the operations to libfuse. The real ones are in
    // attributeHandlersOf and xattrOperationsOf.
    getattr: () => undefined,
    fgetattr: () => undefined,
    readdir: () => undefined,
    getxattr: () => undefined,
    listxattr: () => undefined,
  };
}

/**
 * Returns handlers for opening and closing folders, if the tree tracks open folders. For other
 * trees they are left out, because each call would switch threads twice.
 */
function folderOperations(
  filesystem: Filesystem,
  paths: Paths,
  guarded: Guard,
): Required<Pick<Operations, 'opendir' | 'releasedir'>> {
  const opened = new OpenNodes();
  return {
    opendir(path, _flags, done) {
      const open = (): void => {
        const node = paths.node(path);
        filesystem.openFolder(node);
        done(0, opened.add(node));
      };
      guarded(path, open, done);
    },
    releasedir(path, handle, done) {
      const release = (): void => {
        const node = opened.take(handle);
        if (node !== undefined) filesystem.releaseFolder(node);
        done(0);
      };
      guarded(path, release, done);
    },
  };
}

/**
 * Returns the handlers for getattr and readdir. `opened` holds the nodes of open files, because
 * their paths may no longer exist.
 */
export function attributeHandlersOf(
  filesystem: Filesystem,
  paths: Paths,
  opened: OpenNodes,
  answers: AttributeAnswers,
  log: Log,
): AttributeHandlers {
  const guarded = guardOf(filesystem, log);
  return {
    getattr(locals, _operation, path) {
      const get = (): void => answers.attributes(locals, paths.resolve(path).attributes);
      guarded(path, get, (errno) => answers.done(locals, errno));
    },
    fgetattr(locals, _operation, path, handle) {
      const get = (): void => {
        const node = opened.get(handle);
        const attributes = node === undefined ? paths.resolve(path).attributes : filesystem.attributes(node);
        answers.attributes(locals, attributes);
      };
      guarded(path, get, (errno) => answers.done(locals, errno));
    },
    readdir(locals, _operation, path) {
      const list = (): void => answers.list(locals, listOf(filesystem, paths.node(path)));
      guarded(path, list, (errno) => answers.done(locals, errno));
    },
  };
}

function listOf(filesystem: Filesystem, node: Node): ListedName[] {
  const names: ListedName[] = [];
  filesystem.list(node, 0, ({ name, attributes }) => {
    names.push({ name, attributes });
    return true;
  });
  return names;
}

/**
 * Returns the operations for extended attributes. They replace those of the binding, which copy
 * values into buffers without checking the size.
 */
export function xattrOperationsOf(filesystem: Filesystem, paths: Paths, log: Log): XattrOperations {
  const guarded = guardOf(filesystem, log);
  return {
    getxattr(signal, path, name, target) {
      const fail = (errno: number): void => signal(errno, target.buffer);
      const get = (): void =>
        signal(copyXattr(filesystem.xattr(paths.node(path), name), target), target.buffer);
      guarded(path, get, fail);
    },
    listxattr(signal, path, target) {
      const fail = (errno: number): void => signal(errno, target.buffer);
      const list = (): void => {
        const names = filesystem.xattrNames(paths.node(path)).map((name) => `${name}\0`);
        signal(copyXattr(Buffer.from(names.join('')), target), target.buffer);
      };
      guarded(path, list, fail);
    },
  };
}

/** Copies a value and returns its size. If the target is empty, only the size is returned. */
function copyXattr(value: Buffer, target: Buffer): number {
  if (target.length === 0) return value.length;
  if (value.length > target.length) throw new FsError('ERANGE');
  return value.copy(target);
}
