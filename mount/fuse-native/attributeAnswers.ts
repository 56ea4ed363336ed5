/**
 * Answers GETATTR and READDIR by writing directly into libfuse's structures. The package
 * fuse-native would copy the attributes through an array, which loses information:
 *
 * - Inode numbers are cut to 32 bits. Two messages with the same 32 bits then look like hard links
 *   to one file, so tar and rsync -H lose one of the messages.
 * - Times are in milliseconds and cannot be before 1970.
 * - The link count cannot be 0.
 *
 * Each libfuse thread stores the arguments of its request in memory that JavaScript has allocated.
 * The package passes this memory to the handler. It contains the address of the `struct stat` to
 * fill in, and the function to call for each name in a list. The thread sleeps until the handler
 * has answered.
 */
import { constants } from 'node:os';
import koffi from 'koffi';
import type { Attributes } from '../vfs/tree.ts';
import type { NativeBinding } from './binding.ts';

/**
 * Byte offsets of fields in fuse_thread_locals_t (fuse-native.c 2.2.6). They are the same on x64
 * and arm64.
 */
const LOCALS = { buffer: 56, stat: 168, addName: 184 } as const;

interface StatLayout {
  readonly sizeBytes: number;
  readonly mode: number;
  readonly nlink: number;
  readonly nlinkBytes: 4 | 8;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The fields of Linux' struct stat that differ between processor architectures (asm/stat.h,
 * asm-generic/stat.h).
 */
const STAT_LAYOUTS: Readonly<Record<string, StatLayout>> = {
  x64: { sizeBytes: 144, mode: 24, nlink: 16, nlinkBytes: 8, uid: 28, gid: 32 },
  arm64: { sizeBytes: 128, mode: 16, nlink: 20, nlinkBytes: 4, uid: 24, gid: 28 },
};
const STAT = { inode: 8, size: 48, blockSize: 56, blocks: 64, times: 72 } as const;

const FILE_TYPE: Record<Attributes['kind'], number> = { folder: 0o040000, file: 0o100000, link: 0o120000 };
const STAT_BLOCK_BYTES = 512;
const PREFERRED_IO_BYTES = 4096;

const layout = STAT_LAYOUTS[process.arch];

/** Whether the layout of struct stat is known for this machine's architecture. */
export const canAnswer = layout !== undefined;

/** Returns the attributes as a `struct stat`. The access time is set to the modification time. */
export function statBytes(attributes: Attributes): Buffer {
  const { inode, sizeBytes, mode, nlink, uid, gid, mtimeMs, ctimeMs } = attributes;
  const at = layout ?? STAT_LAYOUTS['x64']!;
  const bytes = Buffer.alloc(at.sizeBytes);
  bytes.writeBigUInt64LE(inode, STAT.inode);
  bytes.writeUInt32LE(FILE_TYPE[attributes.kind] | mode, at.mode);
  if (at.nlinkBytes === 8) bytes.writeBigUInt64LE(BigInt(nlink), at.nlink);
  else bytes.writeUInt32LE(nlink, at.nlink);
  bytes.writeUInt32LE(uid, at.uid);
  bytes.writeUInt32LE(gid, at.gid);
  bytes.writeBigInt64LE(BigInt(sizeBytes), STAT.size);
  bytes.writeUInt32LE(PREFERRED_IO_BYTES, STAT.blockSize);
  bytes.writeBigInt64LE(BigInt(Math.ceil(sizeBytes / STAT_BLOCK_BYTES)), STAT.blocks);
  for (const [index, timeMs] of [mtimeMs, mtimeMs, ctimeMs].entries()) {
    const seconds = Math.floor(timeMs / 1000);
    const nanoseconds = Math.min(999_999_999, Math.round((timeMs - seconds * 1000) * 1e6));
    bytes.writeBigInt64LE(BigInt(seconds), STAT.times + 16 * index);
    bytes.writeBigInt64LE(BigInt(nanoseconds), STAT.times + 16 * index + 8);
  }
  return bytes;
}

const memory = koffi.load(null);
const copyTo = memory.func('void *memcpy(uintptr_t to, const void *from, size_t sizeBytes)');
const addNamePrototype = koffi.proto(
  'int fuse_fill_dir(uintptr_t buffer, const void *name, const void *stat, int64_t offset)',
);
const END_OF_NAME = Buffer.alloc(1);
type AddName = (buffer: bigint, name: Buffer, stat: Buffer, offset: number) => number;

export interface ListedName {
  readonly name: Buffer;
  readonly attributes: Attributes;
}

/**
 * Writes the answers for one mount. In all methods, `locals` is the first argument that fuse-native
 * passes to a handler: the memory with the request's arguments.
 */
export class AttributeAnswers {
  readonly #binding: NativeBinding;
  #addName: { readonly address: bigint; readonly call: AddName } | undefined;

  constructor(binding: NativeBinding) {
    this.#binding = binding;
  }

  attributes(locals: Buffer, attributes: Attributes): void {
    const bytes = statBytes(attributes);
    copyTo(locals.readBigUInt64LE(LOCALS.stat), bytes, bytes.length);
    this.done(locals, 0);
  }

  list(locals: Buffer, names: readonly ListedName[]): void {
    const addName = this.#addNameAt(locals.readBigUInt64LE(LOCALS.addName));
    const buffer = locals.readBigUInt64LE(LOCALS.buffer);
    const isFull = names.some(({ name, attributes }) => {
      return addName(buffer, Buffer.concat([name, END_OF_NAME]), statBytes(attributes), 0) !== 0;
    });
    this.done(locals, isFull ? -constants.errno.ENOMEM : 0);
  }

  /**
   * Wakes the libfuse thread that waits for this answer. It uses the signal of `access`, because
   * those of getattr and readdir would also copy data.
   */
  done(locals: Buffer, result: number): void {
    process.nextTick(this.#binding.fuse_native_signal_access, locals, result);
  }

  #addNameAt(address: bigint): AddName {
    if (this.#addName?.address !== address) {
      this.#addName = { address, call: koffi.decode(address, addNamePrototype) as AddName };
    }
    return this.#addName.call;
  }
}
