/**
 * Constants of the data file's format that the log relies on.
 *
 * A data file is a sequence of gzip members. Each member is a chunk, which begins with one header
 * line and contains flush points: places from which inflating can start. Members always look like
 * those of zlib's gzopen: a ten-byte header without optional fields, raw deflate, CRC-32 and size.
 */
export const CHUNK_HEADER = Buffer.from('# cyrus backup: chunk start\r\n', 'latin1');

/**
 * The least distance between two flush points, equal to deflate's window. The reader relies on this
 * distance: data after a rejected candidate cannot refer back past the accepted flush point before
 * that candidate.
 */
export const LEAST_BLOCK_BYTES = 32_768;

/**
 * The writer makes a flush point at the next mark once this much input has passed since the last
 * flush point. To read a message, the reader also inflates whatever precedes the message in its
 * block. Twice this interval would make the file 0.5 per cent smaller, but inflating a message of
 * 20 KB would take half as long again.
 */
export const FLUSH_INTERVAL_BYTES = LEAST_BLOCK_BYTES;

/**
 * After this much input, the writer makes a flush point even inside a very long message, where
 * there is no mark.
 */
export const LONGEST_BLOCK_BYTES = 131_072;

/**
 * A place in a raw deflate stream from which inflating needs no earlier window. Both offsets are in
 * bytes.
 */
export interface FlushPoint {
  /** Offset in the uncompressed data, from the start of the chunk or segment. */
  offset: number;
  /** Offset in the file. For a segment: offset from its first compressed byte. */
  fileOffset: number;
}

/**
 * The gzip header: magic, deflate, no flags, no time, no extra flags, Unix. Cyrus' own tools write
 * exactly these bytes.
 */
export const MEMBER_HEADER = Buffer.from('1f8b0800000000000003', 'hex');

/**
 * The bytes at the end of each sync or full flush: the length and inverted length of an empty
 * stored block (RFC 1951, 3.2.4).
 */
export const FLUSH_MARKER = Buffer.from('0000ffff', 'hex');

/**
 * The bytes of a flush that follows another flush with no data in between: an empty stored block
 * that starts at a byte boundary.
 */
export const EMPTY_BLOCK = Buffer.from('000000ffff', 'hex');

/** The size of a member's trailer: the CRC-32 and length that follow the deflate stream. */
export const MEMBER_TRAILER_BYTES = 8;

/** Reports whether a member's trailer states this CRC-32 and length. */
export function isTrailerOf(trailer: Buffer, crc32: number, length: number): boolean {
  return trailer.readUInt32LE(0) === crc32 && trailer.readUInt32LE(4) === length % 2 ** 32;
}

/**
 * Returns the bytes that end a member at any flush boundary: an empty last block, the CRC-32, and
 * the length modulo 2^32.
 */
export function memberEnding(crc32: number, length: number): Buffer {
  const ending = Buffer.alloc(2 + MEMBER_TRAILER_BYTES);
  ending[0] = 3;
  ending.writeUInt32LE(crc32, 2);
  ending.writeUInt32LE(length % 2 ** 32, 6);
  return ending;
}
