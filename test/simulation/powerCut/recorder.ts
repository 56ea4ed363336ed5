/**
 * Records what the program really does to the disk: every write (with its bytes), truncation and
 * sync, and every change of a name.
 *
 * Files are identified by inode number, since a rename does not change what an open descriptor
 * writes to. SQLite's files are written by native code and are not seen here; the rack chooses an
 * index's state by itself.
 */
import { readlinkSync } from 'node:fs';
import { useDisk } from '../../../src/fs/disk/current.ts';
import type { Disk } from '../../../src/fs/disk/disk.ts';
import { realDisk } from '../../../src/fs/disk/realDisk.ts';

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
  useDisk(recordingDisk);
}

export function stopRecording(): Operation[] {
  const operations = recording?.operations ?? [];
  recording = null;
  useDisk(realDisk);
  return operations;
}

export function mark(name: string): void {
  note({ kind: 'mark', name });
}

/** Makes the next sync of data fail; the writes before it have succeeded. */
export function refuseNextSync(): void {
  refusesSync = true;
}

function isWatched(path: string): boolean {
  return recording !== null && path.startsWith(`${recording.folder}/`) && !path.includes('.index');
}

/** Records the change of a name that is watched. */
function note(operation: Operation): void {
  if ('path' in operation && operation.kind !== 'syncFolder' && !isWatched(operation.path)) return;
  recording?.operations.push(operation);
}

const pathOf = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, '');

/** Returns the inode of a watched file's descriptor; null for any other descriptor. */
function inodeOf(fd: number): number | null {
  return isWatched(pathOf(fd)) ? realDisk.fstat(fd).ino : null;
}

function noteWrite(fd: number, at: number | null, pieces: readonly NodeJS.ArrayBufferView[]): void {
  const ino = inodeOf(fd);
  if (ino === null) return;
  const bytes = Buffer.concat(
    pieces.map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength),
    ),
  );
  note({ kind: 'write', ino, at: at ?? realDisk.fstat(fd).size, bytes });
}

function noteSync(fd: number): void {
  const ino = inodeOf(fd);
  if (ino !== null) note({ kind: 'sync', ino });
  else if (realDisk.fstat(fd).isDirectory()) note({ kind: 'syncFolder', path: pathOf(fd) });
}

function noteTruncate(fd: number, size: number): void {
  const ino = inodeOf(fd);
  if (ino !== null) note({ kind: 'truncate', ino, size });
}

function noteName(path: string, from: string | null): void {
  const ino = realDisk.lstat(path)?.ino;
  if (ino !== undefined) note({ kind: 'name', path, ino, from });
}

/** Syncs with `sync`, unless the sync is to be refused. */
async function synced(fd: number, sync: () => Promise<void>): Promise<void> {
  if (refusesSync) {
    refusesSync = false;
    throw Object.assign(new Error('ENOSPC: no space left on device, fdatasync'), { code: 'ENOSPC' });
  }
  await sync();
  noteSync(fd);
}

const recordingDisk: Disk = {
  ...realDisk,
  open: (path, flags, mode) => {
    const wasThere = realDisk.lstat(path) !== undefined;
    const fd = realDisk.open(path, flags, mode);
    if (!wasThere) noteName(path, null);
    return fd;
  },
  write: (fd, buffer, offset, length, position) => {
    const done = realDisk.write(fd, buffer, offset, length, position);
    noteWrite(fd, position, [Buffer.from(buffer.buffer as ArrayBuffer, buffer.byteOffset + offset, done)]);
    return done;
  },
  writev: (fd, buffers, position) => {
    noteWrite(fd, position, buffers);
    return realDisk.writev(fd, buffers, position);
  },
  writevAsync: (fd, buffers, position) => {
    noteWrite(fd, position, buffers);
    return realDisk.writevAsync(fd, buffers, position);
  },
  ftruncate: (fd, size) => {
    realDisk.ftruncate(fd, size);
    noteTruncate(fd, size);
  },
  ftruncateAsync: async (fd, size) => {
    await realDisk.ftruncateAsync(fd, size);
    noteTruncate(fd, size);
  },
  fsync: (fd) => {
    realDisk.fsync(fd);
    noteSync(fd);
  },
  fdatasync: (fd) => {
    realDisk.fdatasync(fd);
    noteSync(fd);
  },
  fsyncAsync: (fd) => synced(fd, () => realDisk.fsyncAsync(fd)),
  fdatasyncAsync: (fd) => synced(fd, () => realDisk.fdatasyncAsync(fd)),
  rename: (from, to) => {
    realDisk.rename(from, to);
    noteName(to, from);
  },
  link: (existing, path) => {
    realDisk.link(existing, path);
    noteName(path, null);
  },
  unlink: (path) => {
    realDisk.unlink(path);
    note({ kind: 'unname', path });
  },
};
