/**
 * Repairs the end of a data file after a kill, a power cut or a full disk. It first saves the torn
 * bytes elsewhere. It then ends the last member after its last whole line, or removes the member if
 * it has none.
 *
 * An interruption is safe:
 *
 * - The cut bytes are on disk elsewhere before the data file changes.
 * - The part to keep is proven to inflate before anything is cut.
 * - Until the new ending is whole, the member is merely torn again at the same place. The next open
 *   repeats the repair.
 */
import { createHash, type Hash } from 'node:crypto';
import path from 'node:path';
import zlib from 'node:zlib';
import { BackupError } from '../../errors.ts';
import { copyBytes } from '../../fs/copyBytes.ts';
import { disk } from '../../fs/disk/current.ts';
import { syncFolder } from '../../fs/folders.ts';
import { giveOwner } from '../../fs/keepOwner.ts';
import { openForAppending } from '../../fs/open.ts';
import { memberEnding, MEMBER_HEADER } from '../format.ts';
import { Inflater } from '../read/inflater.ts';
import { ioError, readAll, syncData, truncate, writeAll } from '../../fs/io.ts';
import { isMemberHeader, type Boundary } from '../read/member.ts';

const COPY_BYTES = 262_144;

export interface ClosedMember extends Boundary {
  /** Hex SHA-1 of the member's bytes in the file. */
  memberSha1: string;
}

/**
 * Appends a part of the file to the file `name` (created with mode 0600) and waits until it is on
 * disk.
 */
export async function saveTail(fd: number, from: number, to: number, name: string): Promise<void> {
  try {
    const aside = openForAppending(name);
    try {
      giveOwner(aside, disk.fstat(fd));
      let end = disk.fstat(aside).size;
      for (let at = from; at < to; at += COPY_BYTES) {
        const piece = await readAll(fd, at, Math.min(COPY_BYTES, to - at));
        await writeAll(aside, [piece], end);
        end += piece.length;
      }
      await syncData(aside);
    } finally {
      disk.close(aside);
    }
    syncFolder(path.dirname(name));
  } catch (error) {
    throw ioError(error, name);
  }
}

/**
 * Makes a part of the file durable that nobody knows to be so. It was written by a process that was
 * killed, or its sync failed. After a failed sync the page cache may show bytes that no later sync
 * writes, so they are written again.
 */
export async function writeAgain(fd: number, start: number, end: number): Promise<void> {
  if (start >= end) return;
  try {
    await copyBytes(fd, fd, start, end);
  } catch (error) {
    throw ioError(error, `writing from ${start} to ${end} again`);
  }
  await syncData(fd);
}

/** Truncates the file and waits for the disk. Use this for a member without a single whole line. */
export async function cutTail(fd: number, fileEnd: number): Promise<void> {
  await truncate(fd, fileEnd);
  await syncData(fd);
}

/**
 * Makes the last member plain gzip again: cuts it at a flush boundary and ends it there. The
 * boundary comes from a commit or from the reader's boundaryAt(). If it is not a boundary or its
 * CRC-32 is wrong, throws 'damaged' and leaves the file untouched.
 *
 * The cut is on disk before the ending is written. After a power cut between the two, no removed
 * bytes can follow the ending.
 */
export async function closeMember(fd: number, fileOffset: number, boundary: Boundary): Promise<ClosedMember> {
  const sha1 = createHash('sha1');
  await checkBoundary(fd, fileOffset, boundary, sha1);
  if (disk.fstat(fd).size > boundary.fileEnd) await cutTail(fd, boundary.fileEnd);
  const ending = memberEnding(boundary.crc32, boundary.length);
  await writeAll(fd, [ending], boundary.fileEnd);
  await syncData(fd);
  const memberSha1 = sha1.update(ending).digest('hex');
  return { ...boundary, fileEnd: boundary.fileEnd + ending.length, memberSha1 };
}

/**
 * Inflates the member up to the boundary, checks that a last block is accepted there, and hashes
 * the bytes to keep.
 */
async function checkBoundary(fd: number, fileOffset: number, boundary: Boundary, sha1: Hash): Promise<void> {
  const inflater = new Inflater();
  const output = Buffer.allocUnsafe(65_536);
  let length = 0;
  let crc32 = 0;
  const feed = (input: Buffer): string => {
    let taken = 0;
    for (;;) {
      const status = inflater.step(input, taken, input.length - taken, output, 0, output.length);
      taken += inflater.consumed;
      length += inflater.produced;
      crc32 = zlib.crc32(output.subarray(0, inflater.produced), crc32);
      if (status !== 'full') return status;
    }
  };
  try {
    const header = await readAll(fd, fileOffset, MEMBER_HEADER.length);
    sha1.update(header);
    let good = isMemberHeader(header);
    for (let at = fileOffset + header.length; good && at < boundary.fileEnd; at += COPY_BYTES) {
      const input = await readAll(fd, at, Math.min(COPY_BYTES, boundary.fileEnd - at));
      sha1.update(input);
      good = feed(input) === 'more';
    }
    good &&= feed(memberEnding(0, 0)) === 'ended' && inflater.consumed === 2;
    if (good && length === boundary.length && crc32 === boundary.crc32) return;
    throw new BackupError('damaged', `member at ${fileOffset}: cannot be ended at ${boundary.fileEnd}`);
  } finally {
    inflater.close();
  }
}
