import { expect } from 'chai';
import * as fc from 'fast-check';
import { BlockCache } from '../../../mount/content/blockCache.ts';
import { readRange } from '../../../mount/content/readRange.ts';
import type { Content } from '../../../mount/vfs/tree.ts';

/** The content that starts at `start` in these blocks, and how often each block was loaded. */
function contentOf(blocks: readonly Buffer[], start: number, sizeBytes: number) {
  const loads: number[] = [];
  const content: Content = {
    sizeBytes,
    at(offset) {
      let offsetInBlock = start + offset;
      let index = 0;
      for (; offsetInBlock >= (blocks[index]?.length ?? Infinity); index++) {
        offsetInBlock -= blocks[index]?.length ?? 0;
      }
      const load = (): Buffer => {
        loads.push(index);
        return blocks[index] ?? Buffer.alloc(0);
      };
      return { blockKey: String(index), offsetInBlock, load };
    },
  };
  return { content, loads };
}

describe('readRange', () => {
  it('reads what lies in any number of blocks as if it lay in one, and fills the target but for the end', () => {
    const block = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    const property = fc.property(
      fc.array(block, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.nat(),
      fc.nat(200),
      fc.nat(200),
      (blocks, a, b, offset, length) => {
        const all = Buffer.concat(blocks);
        const start = a % all.length;
        const sizeBytes = b % (all.length - start + 1);
        const target = Buffer.alloc(length, 0xee);
        const { content } = contentOf(blocks, start, sizeBytes);
        const count = readRange(content, { cache: new BlockCache() }, offset, target);
        const expected = all.subarray(start, start + sizeBytes).subarray(offset, offset + length);
        expect(target.subarray(0, count)).to.deep.equal(expected);
        expect(target.subarray(count).every((byte) => byte === 0xee)).to.equal(true);
      },
    );
    fc.assert(property);
  });

  it('loads a block once for many reads', () => {
    const { content, loads } = contentOf([Buffer.from('hello'), Buffer.from('world')], 0, 10);
    const cache = new BlockCache();
    for (let offset = 0; offset < 10; offset++) readRange(content, { cache }, offset, Buffer.alloc(3));
    expect(loads).to.deep.equal([0, 1]);
  });

  it('copies what another thread has from there, and loads nothing of it', () => {
    const { content, loads } = contentOf([Buffer.from('hello'), Buffer.from('world')], 0, 10);
    const elsewhere = (key: string, offset: number, target: Buffer): number =>
      key === '0' ? Buffer.from('HELLO').copy(target, 0, offset) : 0;
    const target = Buffer.alloc(8);
    for (const needed of ['whole', 'start'] as const) {
      expect(readRange(content, { cache: new BlockCache(), elsewhere }, 2, target, needed)).to.equal(8);
      expect(target.toString()).to.equal('LLOworld');
    }
    expect(loads).to.deep.equal([1, 1]);
  });

  it('takes a block that ends too early for damage, not for the end of the file', () => {
    const content: Content = {
      sizeBytes: 10,
      at: () => ({ blockKey: 'b', offsetInBlock: 5, load: () => Buffer.from('short') }),
    };
    expect(() => readRange(content, { cache: new BlockCache() }, 0, Buffer.alloc(10))).to.throw(
      'ends before its content',
    );
  });
});
