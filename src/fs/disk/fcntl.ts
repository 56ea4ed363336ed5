/**
 * Locks by fcntl(2), called through koffi because Node has no call for them. posixLock.ts says what
 * these locks are worth.
 */
import { constants } from 'node:os';
import { BackupError } from '../../errors.ts';
import type { LockOwner, LockType } from './disk.ts';
import { lastErrno, libcFunction } from './libc.ts';

/** fcntl(2) commands of Linux, the same on x64 and arm64 (asm-generic/fcntl.h). */
const F_GETLK = 5;
const F_SETLK = 6;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const SEEK_SET = 0;

const FLOCK_SIZE = 32;
const OFFSET_TYPE = 0;
const OFFSET_WHENCE = 2;
const OFFSET_PID = 24;

const callFcntl = libcFunction<[fd: number, cmd: number, type: 'void *', lock: Buffer]>(
  'int fcntl(int fd, int cmd, ...)',
);

function fcntl(fd: number, cmd: number, lock: Buffer): number {
  for (;;) {
    if (callFcntl(fd, cmd, 'void *', lock) === 0) return 0;
    const errno = lastErrno();
    if (errno !== constants.errno.EINTR) return errno;
  }
}

/**
 * Returns a struct flock for the whole file: l_start and l_len are zero, which also covers bytes
 * appended later.
 */
function wholeFile(type: number): Buffer {
  const lock = Buffer.alloc(FLOCK_SIZE);
  lock.writeInt16LE(type, OFFSET_TYPE);
  lock.writeInt16LE(SEEK_SET, OFFSET_WHENCE);
  return lock;
}

function refused(errno: number, what: string): BackupError {
  return new BackupError('io', `fcntl: cannot ${what}: errno ${errno}`);
}

const commandFor: Record<LockOwner, number> = { process: F_SETLK, descriptor: F_OFD_SETLK };

/**
 * Tries to take the lock without waiting, and returns whether it did. A write lock needs a
 * descriptor that is open for writing.
 */
export function tryLock(fd: number, type: LockType, owner: LockOwner): boolean {
  const errno = fcntl(fd, commandFor[owner], wholeFile(type === 'write' ? F_WRLCK : F_RDLCK));
  if (errno === 0) return true;
  if (errno === constants.errno.EAGAIN || errno === constants.errno.EACCES) return false;
  throw refused(errno, `take a ${type} lock`);
}

export function unlock(fd: number, owner: LockOwner): void {
  const errno = fcntl(fd, commandFor[owner], wholeFile(F_UNLCK));
  if (errno !== 0) throw refused(errno, 'unlock');
}

/**
 * Returns the process that blocks a write lock. null: nobody does, or the holder is a descriptor
 * lock, which has no process. Locks of this process are never reported.
 */
export function lockHolder(fd: number): number | null {
  const lock = wholeFile(F_WRLCK);
  const errno = fcntl(fd, F_GETLK, lock);
  if (errno !== 0) throw refused(errno, 'ask for the lock');
  const pid = lock.readInt32LE(OFFSET_PID);
  return lock.readInt16LE(OFFSET_TYPE) === F_UNLCK || pid < 0 ? null : pid;
}
