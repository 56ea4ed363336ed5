/**
 * Verifies a backup at one of three levels:
 *
 * - quick: the index belongs to this data file, and the last chunk is unchanged since it was
 *   written.
 * - checksums: every chunk is unchanged, according to the SHA-1 of its bytes.
 * - full: reads the whole file as if there were no index, and compares the index with the result.
 *
 * A full verify checks:
 *
 * - every member's CRC-32 and size, every line, and every message's SHA-1 against its GUID
 * - all content of the index, and that inflating can start at each of its flush points
 * - that no living record's message is missing
 *
 * With `readsAll`, every message is also read once more in the way that the mount and restore read
 * it.
 *
 * If a lower level finds a wrong checksum, verify continues with the full level, which can name the
 * damaged messages. The index is not changed.
 */
import { disk } from '../../fs/disk/current.ts';
import type { LockedFile } from '../../fs/lockedFile.ts';
import { chainHash, chunkAt, chunkById, chunks } from '../../index/queries/chunks.ts';
import { missingMessages } from '../../index/queries/missing.ts';
import { allMessages } from '../../index/queries/messages.ts';
import { integrityFaults } from '../../index/store/credible.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import type { Chunk } from '../../index/types.ts';
import { sha1OfRange } from '../../fs/io.ts';
import { futureNoteOf } from '../clock.ts';
import { compareIndexes } from './compareIndexes.ts';
import { damagedMessages } from '../scan/damagedMessages.ts';
import type { DamagedMessage } from '../scan/damagedMessages.ts';
import { falsePoints } from '../scan/falsePoints.ts';
import { giveBack, takeScratch } from '../freshIndex.ts';
import { hasItsBytes } from '../read/messageBytes.ts';
import { missingText } from '../admin/backupStats.ts';
import { faultOfIndex } from '../indexFault.ts';
import { belongs, openIndexForWriting, settledIndex } from '../openIndex.ts';
import { indexPath } from '../options.ts';
import type { Notice, VerifyLevel } from '../options.ts';
import { scan } from '../scan/scan.ts';
import type { ScanOptions } from '../scan/scan.ts';
import type { Damage } from '../scan/scanResult.ts';

export interface VerifyOptions extends Pick<ScanOptions, 'onProgress'> {
  /** Default: full. */
  readonly level?: VerifyLevel;
  readonly readsAll?: boolean;
}

export interface ChunkFindings {
  readonly id: number;
  /** File offset at which the chunk starts. */
  readonly offset: number;
  /** Descriptions of the data that cannot be read as it was written, one for each fault. */
  readonly checksums: readonly string[];
  /** Messages that do not match their GUID, or can no longer be read. */
  readonly messages: readonly DamagedMessage[];
}

export interface Verification {
  /** All chunks that were checked, including undamaged ones. */
  readonly chunks: readonly ChunkFindings[];
  /** Descriptions of faults in the index. */
  readonly index: readonly string[];
  /** The index is unreadable or contradicts itself. It must not be used for a repair. */
  readonly isIndexUnsound: boolean;
  /**
   * Descriptions of the records whose messages are missing. A master can send these messages again.
   */
  readonly missing: readonly string[];
  /** Descriptions of wrong timestamps. */
  readonly clock: readonly string[];
  readonly faultCount: number;
}

/**
 * Verifies a backup. If the index is missing or was written by the original backupd, it is built
 * first and `notice` is called, as in any open. A damaged index is rebuilt, too, and is reported as
 * a fault. Throws 'io'.
 */
export async function verifyBackup(
  file: LockedFile,
  notice: Notice,
  options: VerifyOptions = {},
): Promise<Verification> {
  const settled = settledIndex(file.path, file.fd);
  const replaced = settled === null ? replacedIndex(file) : [];
  const index =
    settled ??
    (await openIndexForWriting(file, notice, (fault) => void replaced.push(`${fault}; built anew`)));
  try {
    // The snapshot makes all queries share one lock, rather than one lock for each query.
    settled?.holdSnapshot();
    const { level = 'full', readsAll = false } = options;
    if (level !== 'full' && !readsAll && replaced.length === 0) {
      const found = verifyChecksums(index, file.fd, level);
      if (found !== null) return found;
    }
    return withFolded(file.fd, (folded) => verifyAll(index, folded, file.fd, replaced, options));
  } catch (error) {
    const fault = faultOfIndex(error, index.path);
    if (fault === null) throw error;
    // Checks the log alone, without an index.
    const faults = [...replaced, fault];
    const found = withFolded(file.fd, (folded) => verifyAll(null, folded, file.fd, faults, options));
    return { ...found, isIndexUnsound: true };
  } finally {
    index.close();
  }
}

function withFolded<T>(fd: number, work: (folded: IndexFile) => T): T {
  const folded = takeScratch();
  try {
    return work(folded);
  } finally {
    giveBack(folded, disk.fstat(fd).size);
  }
}

/** Returns a fault if the index was built from another data file and is about to be replaced. */
function replacedIndex(file: LockedFile): string[] {
  const index = IndexFile.open(indexPath(file.path), 'read');
  try {
    if (index === null || belongs(index, file.fd)) return [];
    return ['the data file is shorter than the index says, or its last chunk another'];
  } catch (error) {
    // The index cannot be read. Opening it for writing will report that.
    if (faultOfIndex(error, indexPath(file.path)) === null) throw error;
    return [];
  } finally {
    index?.close();
  }
}

/** Checks the checksums only. Returns null if one is wrong and a full verify is necessary. */
function verifyChecksums(index: IndexFile, fd: number, level: 'quick' | 'checksums'): Verification | null {
  const all = Array.from(chunks(index));
  const looked = level === 'quick' ? all.slice(-1) : all;
  if (!looked.every((chunk) => hasItsSha1(fd, chunk))) return null;
  const found = looked.map(({ id, offset }) => ({ id, offset, checksums: [], messages: [] }));
  const clock = clockFaults(index);
  return { chunks: found, index: [], isIndexUnsound: false, missing: [], clock, faultCount: clock.length };
}

function hasItsSha1(fd: number, chunk: Chunk): boolean {
  if (chunk.state !== 'whole') return false;
  return sha1OfRange(fd, chunk.offset, chunk.fileEnd) === chunk.memberSha1;
}

/**
 * Verifies everything. `known` is null if no index can be read; the folded index is then used
 * instead.
 */
function verifyAll(
  known: IndexFile | null,
  folded: IndexFile,
  fd: number,
  before: readonly string[],
  { onProgress, readsAll = false }: VerifyOptions,
): Verification {
  const index = known ?? folded;
  const unsound = known === null ? [] : integrityFaults(known);
  // The file and its index were just brought into step, so an end that looks torn is damage.
  const scanOptions = {
    ...(known === null ? {} : { known }),
    isEnded: true,
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  const { damages } = scan(folded, fd, 0, disk.fstat(fd).size, scanOptions);
  const altered = Array.from(alteredChunks(index, folded));
  const messages = Array.from(damagedMessages(index, folded, damages));
  const lost = {
    chunks: new Set([...damages.map(({ fileOffset }) => fileOffset), ...altered]),
    guids: new Set(messages.map(({ guid }) => guid)),
  };
  const missing = Array.from(missingMessages(folded))
    .filter(({ guid }) => !lost.guids.has(guid))
    .map(missingText);
  const faults = [
    ...before,
    ...unsound,
    ...compareIndexes(index, folded, lost),
    ...falsePoints(index, folded, fd, lost.chunks),
    ...(readsAll ? unreadable(index, fd, lost.guids) : []),
  ];
  const found = Array.from(chunks(folded), ({ id, offset }): ChunkFindings => {
    const checksums = damages
      .filter(
        ({ fileOffset, guid }) => fileOffset === offset && (guid === undefined || !lost.guids.has(guid)),
      )
      .map((damage) => inWords(id, damage));
    if (altered.includes(offset)) checksums.push(`file checksum mismatch for chunk ${id}: the data is whole`);
    return { id, offset, checksums, messages: messages.filter(({ chunkOffset }) => chunkOffset === offset) };
  });
  const inChunks = found.reduce((sum, chunk) => sum + chunk.checksums.length + chunk.messages.length, 0);
  const clock = clockFaults(folded);
  const faultCount = inChunks + faults.length + missing.length + clock.length;
  return {
    chunks: found,
    index: faults,
    isIndexUnsound: unsound.length > 0,
    missing,
    clock,
    faultCount,
  };
}

function clockFaults(index: IndexFile): string[] {
  const note = futureNoteOf(index);
  return note === null ? [] : [note];
}

function inWords(chunkId: number, { fileOffset, position, reason, guid }: Damage): string {
  const what = guid === undefined ? reason : `${reason} ${guid}`;
  return `error reading chunk ${chunkId} at offset ${fileOffset}, byte ${position}: ${what}`;
}

/**
 * Finds chunks whose data is unchanged although their bytes in the file have changed. This is
 * possible because some bytes of the gzip header have no effect. The index is trusted for chunks
 * whose chained hash is right.
 */
function* alteredChunks(index: IndexFile, folded: IndexFile): Generator<number> {
  let chain = '';
  for (const before of chunks(index)) {
    const isBelieved = before.fileSha1 === chainHash(chain, before.memberSha1);
    chain = before.fileSha1;
    const now = chunkAt(folded, before.offset);
    if (!isBelieved || now === undefined || now.state !== 'whole') continue;
    const isSame =
      before.crc32 === now.crc32 && before.length === now.length && before.fileEnd === now.fileEnd;
    if (isSame && before.memberSha1 !== now.memberSha1) yield now.offset;
  }
}

/** Finds messages that are in the file but cannot be read through the index. */
function* unreadable(index: IndexFile, fd: number, known: ReadonlySet<string>): Generator<string> {
  for (const message of allMessages(index)) {
    if (message.chunkId === null || known.has(message.guid) || hasItsBytes(index, fd, message)) continue;
    const { offset = 0 } = chunkById(index, message.chunkId) ?? {};
    yield `message ${message.guid} cannot be read by the index: chunk at ${offset}, byte ${message.offset}`;
  }
}
