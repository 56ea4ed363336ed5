/**
 * Records what the program really does to the disk: every write (with its bytes), truncation and
 * sync, and every change of a name. It is loaded first, with `node --import`, because it replaces
 * functions of node:fs, and some modules take these when they are loaded.
 *
 * Files are identified by inode number, since a rename does not change what an open descriptor
 * writes to. SQLite's files are written by native code and are not seen here; the rack chooses an
 * index's state by itself.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export type Operation =
  | { readonly kind: 'write'; readonly ino: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly ino: number; readonly size: number }
  | { readonly kind: 'sync'; readonly ino: number }
  /** From now on `path` names the inode; `from` was its name until then, if any. */
  | { readonly kind: 'name'; readonly path: string; readonly ino: number; readonly from: string | null }
  | { readonly kind: 'unname'; readonly path: string }
  | { readonly kind: 'syncFolder'; readonly path: string }
  /** Recorded by the scenario, not a disk operation. */
  | { readonly kind: 'mark'; readonly name: string };

interface Recording {
  readonly folder: string;
  readonly operations: Operation[];
}

let recording: Recording | null = null;
/** The next sync fails, as on a full disk. */
let refusesSync = false;

/** From now on, records what happens in and below a folder. */
export function startRecording(folder: string): void {
  recording = { folder, operations: [] };
}

export function stopRecording(): Operation[] {
  const operations = recording?.operations ?? [];
  recording = null;
  return operations;
}

export function mark(name: string): void {
  recording?.operations.push({ kind: 'mark', name });
}

/** Makes the next sync of data fail; the writes before it have succeeded. */
export function refuseNextSync(): void {
  refusesSync = true;
}

const real = { ...fs };

function isWatched(path: string): boolean {
  return recording !== null && path.startsWith(`${recording.folder}/`) && !path.includes('.index');
}

function note(operation: Operation): void {
  recording?.operations.push(operation);
}

/** Returns the inode of a watched file's descriptor; null for any other descriptor. */
function inodeOf(fd: number): number | null {
  if (recording === null) return null;
  const path = real.readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, '');
  return isWatched(path) ? real.fstatSync(fd).ino : null;
}

function inodeAt(path: fs.PathLike): number | null {
  return real.lstatSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

function noteWrite(
  fd: number,
  at: number | null | undefined,
  pieces: readonly NodeJS.ArrayBufferView[],
): void {
  const ino = inodeOf(fd);
  if (ino === null) return;
  const bytes = Buffer.concat(
    pieces.map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength),
    ),
  );
  note({ kind: 'write', ino, at: at ?? real.fstatSync(fd).size, bytes });
}

function noteSync(fd: number): void {
  const ino = inodeOf(fd);
  if (ino !== null) note({ kind: 'sync', ino });
  else if (recording !== null && real.fstatSync(fd).isDirectory()) {
    note({ kind: 'syncFolder', path: real.readlinkSync(`/proc/self/fd/${fd}`) });
  }
}

function refusal(): NodeJS.ErrnoException | null {
  if (!refusesSync || recording === null) return null;
  refusesSync = false;
  return Object.assign(new Error('ENOSPC: no space left on device, fdatasync'), { code: 'ENOSPC' });
}

type Callback = (error: NodeJS.ErrnoException | null, ...rest: unknown[]) => void;

/** Replaces a call with a callback. Records it when the real call has succeeded. */
function withCallback(
  name: 'fdatasync' | 'fsync' | 'ftruncate',
  onDone: (fd: number, ...values: number[]) => void,
): unknown {
  const call = real[name] as (...all: unknown[]) => void;
  return (...all: unknown[]): void => {
    const callback = all.at(-1) as Callback;
    const failure = name === 'ftruncate' ? null : refusal();
    if (failure !== null) {
      setImmediate(() => callback(failure));
      return;
    }
    call(...all.slice(0, -1), (error: NodeJS.ErrnoException | null) => {
      if (error === null) onDone(...(all.slice(0, -1) as [number]));
      callback(error);
    });
  };
}

const noteTruncate = (fd: number, size = 0): void => {
  const ino = inodeOf(fd);
  if (ino !== null) note({ kind: 'truncate', ino, size });
};

/** Records a file that is written whole, through a path or a descriptor, as one write. */
function noteWhole(target: fs.PathOrFileDescriptor, data: string | NodeJS.ArrayBufferView): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  if (typeof target === 'number') noteWrite(target, 0, [bytes]);
}

const replacements = {
  openSync(path: fs.PathLike, flags: fs.OpenMode, mode?: fs.Mode | null): number {
    const before = recording === null ? null : inodeAt(path);
    const fd = real.openSync(path, flags, mode);
    const ino = before === null ? inodeOf(fd) : null;
    if (ino !== null) note({ kind: 'name', path: String(path), ino, from: null });
    return fd;
  },
  writeSync(
    fd: number,
    buffer: NodeJS.ArrayBufferView,
    offset = 0,
    length?: number,
    position?: number | null,
  ): number {
    const size = length ?? buffer.byteLength - offset;
    const done = real.writeSync(fd, buffer, offset, size, position);
    noteWrite(fd, position, [Buffer.from(buffer.buffer as ArrayBuffer, buffer.byteOffset + offset, done)]);
    return done;
  },
  writevSync(fd: number, buffers: readonly NodeJS.ArrayBufferView[], position?: number): number {
    const done = real.writevSync(fd, buffers, position);
    noteWrite(fd, position, buffers);
    return done;
  },
  writev(
    this: void,
    fd: number,
    buffers: NodeJS.ArrayBufferView[],
    position: number,
    callback: Callback,
  ): void {
    noteWrite(fd, position, buffers);
    real.writev(fd, buffers, position, callback);
  },
  writeFileSync(
    target: fs.PathOrFileDescriptor,
    data: string | NodeJS.ArrayBufferView,
    options?: fs.WriteFileOptions,
  ): void {
    real.writeFileSync(target, data, options);
    noteWhole(target, data);
  },
  ftruncateSync(fd: number, size?: number): void {
    real.ftruncateSync(fd, size);
    noteTruncate(fd, size);
  },
  fsyncSync(fd: number): void {
    real.fsyncSync(fd);
    noteSync(fd);
  },
  fdatasyncSync(fd: number): void {
    real.fdatasyncSync(fd);
    noteSync(fd);
  },
  renameSync(from: fs.PathLike, to: fs.PathLike): void {
    const ino = inodeAt(from);
    real.renameSync(from, to);
    if (ino !== null && isWatched(String(to)))
      note({ kind: 'name', path: String(to), ino, from: String(from) });
  },
  linkSync(from: fs.PathLike, to: fs.PathLike): void {
    real.linkSync(from, to);
    const ino = inodeAt(to);
    if (ino !== null && isWatched(String(to))) note({ kind: 'name', path: String(to), ino, from: null });
  },
  rmSync(path: fs.PathLike, options?: fs.RmOptions): void {
    const wasThere = recording !== null && inodeAt(path) !== null;
    real.rmSync(path, options);
    if (wasThere && isWatched(String(path))) note({ kind: 'unname', path: String(path) });
  },
  fdatasync: withCallback('fdatasync', noteSync),
  fsync: withCallback('fsync', noteSync),
  ftruncate: withCallback('ftruncate', noteTruncate),
};
// promisify(fs.writev) resolves to an object, which it learns from this property.
Object.defineProperty(replacements.writev, Symbol.for('nodejs.util.promisify.custom'), {
  value: (fd: number, buffers: NodeJS.ArrayBufferView[], position: number) =>
    new Promise<{ bytesWritten: number }>((resolve, reject) => {
      replacements.writev(fd, buffers, position, (error, bytesWritten) => {
        if (error === null) resolve({ bytesWritten: bytesWritten as number });
        else reject(error);
      });
    }),
});

Object.assign(fs, replacements);
syncBuiltinESMExports();
