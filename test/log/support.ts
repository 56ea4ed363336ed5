/** What the tests of src/log share: temporary files, deterministic text, whole files read back. */
import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BackupError, type ErrorKind } from '../../src/errors.ts';
import { ChunkReader } from '../../src/log/read/chunkReader.ts';

export class Scratch {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), 'log-test-'));
  readonly #open = new Set<number>();

  path(name: string): string {
    return path.join(this.directory, name);
  }

  open(name: string): number {
    const fd = openSync(this.path(name), 'a+', 0o600);
    closeSync(fd);
    // Not in append mode: Linux would ignore the positions of writes.
    const positioned = openSync(this.path(name), 'r+');
    this.#open.add(positioned);
    return positioned;
  }

  remove(): void {
    for (const fd of this.#open) closeSync(fd);
    this.#open.clear();
    rmSync(this.directory, { recursive: true });
  }
}

/** The same pseudo-random bytes for the same seed (xorshift32). */
export function noise(seed: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = (seed + 1) * 0x9e3779b1;
  for (let at = 0; at < size; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

/** Lines that deflate about as mail does. */
export function text(seed: number, size: number): Buffer {
  const source = noise(seed, Math.ceil(size / 4) + 8);
  const words = ['the', 'mail', 'server', 'replication', 'of', 'folders', 'and', 'a', 'message', 'is\r\n'];
  const parts: string[] = [];
  let length = 0;
  for (const byte of source) {
    const word = byte < 100 ? (words[byte % 10] ?? '') : byte.toString(36);
    parts.push(word);
    length += word.length + 1;
    if (length >= size) break;
  }
  return Buffer.from(parts.join(' ').padEnd(size, '.').slice(0, size), 'latin1');
}

export function sizeOf(fd: number): number {
  return fstatSync(fd).size;
}

/** What gzip itself makes of the file; throws when it is not plain gzip to the last byte. */
export function zcat(name: string): Buffer {
  return execFileSync('gzip', ['-dc', name], { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** All of a member, and how it ended. */
export function readMember(
  fd: number,
  fileOffset: number,
  fileEnd = sizeOf(fd),
): { bytes: Buffer; state: string } {
  const reader = new ChunkReader(fd, fileOffset, fileEnd);
  const pieces: Buffer[] = [];
  try {
    reader.stream(Number.MAX_SAFE_INTEGER, (piece) => pieces.push(Buffer.from(piece)));
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
  } finally {
    reader.close();
  }
  return { bytes: Buffer.concat(pieces), state: reader.state };
}

/** The kind of BackupError that is thrown, 'none' if nothing is; anything else is passed on. */
export async function kindOf(work: () => unknown): Promise<ErrorKind | 'none'> {
  try {
    await work();
    return 'none';
  } catch (error) {
    if (error instanceof BackupError) return error.kind;
    throw error;
  }
}
