/**
 * The real disk: node:fs, and fcntl(2) and futimens(2) for what Node has no call for. Most methods
 * are Node's own functions, so that the interface costs nothing.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';
import type { Disk, FileTimes } from './disk.ts';
import { lockHolder, tryLock, unlock } from './fcntl.ts';
import { setTimes } from './futimens.ts';

const EXACT = { bigint: true } as const;
const MAY_MISS = { throwIfNoEntry: false } as const;
const EXACT_OR_MISSING = { bigint: true, throwIfNoEntry: false } as const;

const read = promisify(fs.read);
const writev = promisify(fs.writev);

export const realDisk: Disk = {
  open: fs.openSync,
  close: fs.closeSync,
  read: fs.readSync,
  readAsync: async (fd, into, offset, length, position) =>
    (await read(fd, into, offset, length, position)).bytesRead,
  write: fs.writeSync,
  writev: fs.writevSync,
  writevAsync: async (fd, buffers, position) => (await writev(fd, buffers, position)).bytesWritten,
  ftruncate: fs.ftruncateSync,
  ftruncateAsync: promisify(fs.ftruncate),
  fsync: fs.fsyncSync,
  fsyncAsync: promisify(fs.fsync),
  fdatasync: fs.fdatasyncSync,
  fdatasyncAsync: promisify(fs.fdatasync),
  fstat: (fd) => fs.fstatSync(fd),
  exactFstat: (fd) => fs.fstatSync(fd, EXACT),
  fchmod: fs.fchmodSync,
  fchown: fs.fchownSync,
  getTimes,
  setTimes,

  tryLock,
  unlock,
  lockHolder,

  stat: (path) => fs.statSync(path, MAY_MISS),
  exactStat: (path) => fs.statSync(path, EXACT_OR_MISSING),
  lstat: (path) => fs.lstatSync(path, MAY_MISS),
  exactLstat: (path) => fs.lstatSync(path, EXACT_OR_MISSING),
  exists: fs.existsSync,
  access: fs.accessSync,
  realpath: (path) => fs.realpathSync(path),
  statfs: (path) => fs.statfsSync(path),
  readdir: (path) => fs.readdirSync(path),
  entries: (path) => fs.readdirSync(path, { withFileTypes: true }),
  readFile: (file) => fs.readFileSync(file),
  rename: fs.renameSync,
  link: fs.linkSync,
  unlink: fs.unlinkSync,
  rmdir: (path) => fs.rmdirSync(path),
  mkdirs: (path, mode) => fs.mkdirSync(path, { recursive: true, mode }),
  mkdtemp: (prefix) => fs.mkdtempSync(prefix),
};

function getTimes(fd: number): FileTimes {
  const { atimeNs, mtimeNs } = fs.fstatSync(fd, EXACT);
  return { accessedNs: atimeNs, modifiedNs: mtimeNs };
}
