/** System calls that the kernel transport needs and Node does not offer. */
import { constants } from 'node:os';
import koffi from 'koffi';
import { BackupError } from '../../../src/errors.ts';

/** Constants of Linux, which are the same on x64 and arm64 (asm-generic/fcntl.h, fs.h, poll.h). */
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_GETFL = 3;
const F_SETFL = 4;
const RWF_NOWAIT = 8;
const POLLIN = 1;
const POSIX_FADV_WILLNEED = 3;

const IOVEC_BYTES = 16;
const POLLFD_BYTES = 8;

type Call<A extends unknown[]> = (...args: A) => number;

/**
 * Returns a C function that is bound at its first call, because not every mount needs every
 * function.
 */
function lazily<A extends unknown[]>(prototype: string): Call<A> {
  let call: Call<A> | undefined;
  return (...args) => (call ??= koffi.load(null).func(prototype) as unknown as Call<A>)(...args);
}

const preadv2 = lazily<[number, Buffer, number, number, number]>(
  'int64_t preadv2(int fd, void *iov, int count, int64_t offset, int flags)',
);
const ppoll = lazily<[Buffer, number, Buffer | null, null]>(
  'int ppoll(void *fds, unsigned long count, void *timeout, void *mask)',
);
const fadvise = lazily<[number, number, number, number]>(
  'int posix_fadvise(int fd, int64_t offset, int64_t bytes, int advice)',
);
const pipe2 = lazily<[Buffer, number]>('int pipe2(void *fds, int flags)');
const fcntl = lazily<[number, number, 'int', number]>('int fcntl(int fd, int cmd, ...)');

/** Memory for one byte outside V8's heap, and the iovec that points to it. */
let oneByte: { readonly memory: unknown; readonly iovec: Buffer } | undefined;

function iovecOfOneByte(): Buffer {
  if (oneByte === undefined) {
    const memory: unknown = koffi.alloc('uint64_t', 1);
    const iovec = Buffer.alloc(IOVEC_BYTES);
    iovec.writeBigUInt64LE(koffi.address(memory), 0);
    iovec.writeBigUInt64LE(1n, 8);
    oneByte = { memory, iovec };
  }
  return oneByte.iovec;
}

let canTell = true;

/**
 * Reports whether a byte of a file can be read without waiting for the disk. Also returns true at
 * the end of the file, and if the file system, the kernel or the C library cannot report it. Takes
 * about a microsecond.
 */
export function isInPageCache(fd: number, offset: number): boolean {
  if (!canTell) return true;
  try {
    const bytes = preadv2(fd, iovecOfOneByte(), 1, offset, RWF_NOWAIT);
    return bytes >= 0 || koffi.errno() !== constants.errno.EAGAIN;
  } catch {
    // The C library lacks the function. koffi detects this only at the first call.
    canTell = false;
    return true;
  }
}

/**
 * Waits until one of the descriptors is readable or the time-out is over. The time-out is in
 * microseconds; undefined means no limit. Reports which descriptors are readable. A descriptor with
 * an error or at its end counts as readable.
 */
export function readableOf(fds: readonly number[], timeoutUs?: number): boolean[] {
  const polled = Buffer.alloc(fds.length * POLLFD_BYTES);
  for (const [at, fd] of fds.entries()) {
    polled.writeInt32LE(fd, at * POLLFD_BYTES);
    polled.writeInt16LE(POLLIN, at * POLLFD_BYTES + 4);
  }
  const timeout = timeoutUs === undefined ? null : timespecOf(timeoutUs);
  while (ppoll(polled, fds.length, timeout, null) < 0) {
    if (koffi.errno() !== constants.errno.EINTR) throw failed('ppoll');
  }
  return fds.map((_, at) => polled.readInt16LE(at * POLLFD_BYTES + 6) !== 0);
}

function timespecOf(us: number): Buffer {
  const timespec = Buffer.alloc(16);
  timespec.writeBigInt64LE(BigInt(Math.floor(us / 1e6)), 0);
  timespec.writeBigInt64LE(BigInt(Math.round((us % 1e6) * 1000)), 8);
  return timespec;
}

/**
 * Makes the kernel read a stretch of a file into the page cache, without waiting for it. Has no
 * effect on file systems that do not support it.
 */
export function startReading(fd: number, offset: number, bytes: number): void {
  fadvise(fd, offset, bytes, POSIX_FADV_WILLNEED);
}

export function setNonBlocking(fd: number, isNonBlocking: boolean): void {
  const flags = fcntl(fd, F_GETFL, 'int', 0);
  const wanted = isNonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (flags < 0 || fcntl(fd, F_SETFL, 'int', wanted) < 0) throw failed('fcntl');
}

export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

export function makePipe(): Pipe {
  const fds = Buffer.alloc(8);
  if (pipe2(fds, O_CLOEXEC) < 0) throw failed('pipe2');
  return { readFd: fds.readInt32LE(0), writeFd: fds.readInt32LE(4) };
}

function failed(call: string): BackupError {
  return new BackupError('io', `${call}: error ${koffi.errno()}`);
}
