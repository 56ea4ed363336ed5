/**
 * File times to the nanosecond. Node's own calls use fractions of seconds, which lose the last
 * digits. A program that compares times would then think that the file has changed.
 */
import { constants } from 'node:os';
import { BackupError } from '../../errors.ts';
import type { FileTimes } from './disk.ts';
import { lastErrno, libcFunction } from './libc.ts';

/** Size of two struct timespec: access time and modification time. */
const TIMES_BYTES = 32;
const BILLION = 1_000_000_000n;

const futimens = libcFunction<[fd: number, times: Buffer]>('int futimens(int fd, void *times)');

/** Throws 'io' if the times cannot be set. */
export function setTimes(fd: number, { accessedNs, modifiedNs }: FileTimes): void {
  const times = Buffer.alloc(TIMES_BYTES);
  for (const [at, ns] of [accessedNs, modifiedNs].entries()) {
    const part = ((ns % BILLION) + BILLION) % BILLION;
    times.writeBigInt64LE((ns - part) / BILLION, 16 * at);
    times.writeBigInt64LE(part, 16 * at + 8);
  }
  if (futimens(fd, times) === 0) return;
  const errno = lastErrno();
  const name = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? errno;
  throw new BackupError('io', `cannot set the times of a file: ${name}`);
}
