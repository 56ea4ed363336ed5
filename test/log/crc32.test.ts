/** crc32Combine against zlib's CRC-32 of the joined bytes. */
import zlib from 'node:zlib';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { crc32Combine } from '../../src/log/crc32.ts';

describe('crc32Combine', () => {
  it('is the CRC-32 of both byte strings behind one another', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ maxLength: 600 }), (a, b) => {
        const combined = crc32Combine(zlib.crc32(a), zlib.crc32(b), b.length);
        expect(combined).to.equal(zlib.crc32(Buffer.concat([a, b])));
      }),
    );
  });

  it('takes lengths past 2^32', () => {
    // Joining twice must not depend on the order of joining.
    const [a, b, c] = [0x12345678, 0x9abcdef0, 0x0fedcba9];
    const [sizeB, sizeC] = [2 ** 32 + 12_345, 2 ** 33 + 7];
    const left = crc32Combine(crc32Combine(a, b, sizeB), c, sizeC);
    const right = crc32Combine(a, crc32Combine(b, c, sizeC), sizeB + sizeC);
    expect(left).to.equal(right);
    expect(left).not.to.equal(crc32Combine(a, crc32Combine(b, c, sizeC), (sizeB + sizeC) % 2 ** 32));
  });
});
