/**
 * Computes the CRC-32 of two concatenated byte strings from the CRC-32 of each and the length of
 * the second.
 *
 * A CRC is the remainder of the bytes, read as a polynomial over GF(2), modulo P. Appending n bytes
 * multiplies the preceding polynomial by x^(8n), so crc(AB) = crc(A) * x^(8n) + crc(B). The
 * inversions that gzip's CRC adds before and after (RFC 1952, 8) cancel out.
 *
 * The chunk writer needs this when it copies a staged message's compressed bytes into a chunk,
 * without the plain bytes.
 */

/** P without its x^32 term, in gzip's bit order: the highest bit is x^0. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;
const X_TO_THE_8 = 0x00800000;

function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) === 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product >>> 0;
}

/** Returns x^(8 * bytes) modulo P. Halves by division, since a length may exceed 2^32. */
function shiftBy(bytes: number): number {
  let result = ONE;
  let square = X_TO_THE_8;
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** Returns the CRC-32 of A followed by B, which is `lengthB` bytes long. */
export function crc32Combine(crcA: number, crcB: number, lengthB: number): number {
  return (multiply(crcA, shiftBy(lengthB)) ^ crcB) >>> 0;
}
