/**
 * What the log knows of a data file's format: gzip members one behind another, each a chunk that begins with
 * one header line, and the positions in them from which inflation can start afresh.
 *
 * Members are always those of zlib's gzopen: ten bytes without optional fields, raw deflate, CRC-32 and size.
 */
export const CHUNK_HEADER = Buffer.from('# cyrus backup: chunk start\r\n', 'latin1');

/**
 * Points are never nearer to each other than this. It is deflate's window, which the reader relies on: what
 * stands behind a rejected candidate cannot refer back over the accepted point before it.
 */
export const LEAST_BLOCK_BYTES = 32_768;

/**
 * A flush point is made at the next mark once this much input has gone by since the last one: who reads a message inflates what is in front of it in its
 * block, too. With twice as much, the file is 0.5 per cent smaller, and a message of 20 KB takes half as long again to inflate.
 */
export const FLUSH_INTERVAL_BYTES = LEAST_BLOCK_BYTES;

/** A flush point is made without a mark, inside one very long message, after this much input. */
export const LONGEST_BLOCK_BYTES = 131_072;

/** A place in a raw deflate stream where no earlier window is needed: both offsets are in bytes. */
export interface FlushPoint {
  /** Uncompressed, from the chunk's (or segment's) start. */
  offset: number;
  /** In the file; in a segment, from its first compressed byte. */
  fileOffset: number;
}

/** Magic, deflate, no flags, no time, no extra flags, Unix: byte for byte what the originals write. */
export const MEMBER_HEADER = Buffer.from('1f8b0800000000000003', 'hex');

/** How each sync or full flush ends: the length and inverted length of an empty stored block (RFC 1951, 3.2.4). */
export const FLUSH_MARKER = Buffer.from('0000ffff', 'hex');

/** A flush where nothing has been written since the last one: a stored block of no bytes, from a byte boundary on. */
export const EMPTY_BLOCK = Buffer.from('000000ffff', 'hex');

/** CRC-32 and size behind the deflate stream. */
export const MEMBER_TRAILER_BYTES = 8;

/** Whether the eight bytes behind a deflate stream are those of data with that CRC-32 and length. */
export function isTrailerOf(trailer: Buffer, crc32: number, length: number): boolean {
  return trailer.readUInt32LE(0) === crc32 && trailer.readUInt32LE(4) === length % 2 ** 32;
}

/** What ends a member at any flush boundary: an empty last block, the CRC-32, the length modulo 2^32. */
export function memberEnding(crc32: number, length: number): Buffer {
  const ending = Buffer.alloc(2 + MEMBER_TRAILER_BYTES);
  ending[0] = 3;
  ending.writeUInt32LE(crc32, 2);
  ending.writeUInt32LE(length % 2 ** 32, 6);
  return ending;
}
