import { expect } from 'chai';
import * as fc from 'fast-check';
import { BlockCache } from '../../../mount/content/blockCache.ts';
import { readRange } from '../../../mount/content/readRange.ts';
import type { Content } from '../../../mount/tree.ts';

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

function fail(): Buffer {
  throw new Error('damaged');
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
        const count = readRange(content, new BlockCache(), offset, target);
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
    for (let offset = 0; offset < 10; offset++) readRange(content, cache, offset, Buffer.alloc(3));
    expect(loads).to.deep.equal([0, 1]);
  });

  it('takes a block that ends too early for damage, not for the end of the file', () => {
    const content: Content = {
      sizeBytes: 10,
      at: () => ({ blockKey: 'b', offsetInBlock: 5, load: () => Buffer.from('short') }),
    };
    expect(() => readRange(content, new BlockCache(), 0, Buffer.alloc(10))).to.throw(
      'ends before its content',
    );
  });
});

describe('the block cache', () => {
  it('stays within its bytes, and serves what is larger than it all the same', () => {
    const cache = new BlockCache(10_000);
    for (let i = 0; i < 100; i++) expect(cache.get(String(i), () => Buffer.alloc(1000, i))[0]).to.equal(i);
    expect(cache.sizeBytes).to.be.within(1000, 10_000);
    expect(cache.get('large', () => Buffer.alloc(20_000))).to.have.length(20_000);
    expect(cache.sizeBytes).to.be.at.most(10_000);
  });

  it('gives the memory of a block that has left to the next one, and never memory that a block still lies in', () => {
    const cache = new BlockCache(300_000);
    const rooms = new Set<ArrayBufferLike>();
    for (let i = 0; i < 100; i++) {
      const block = cache.get(String(i), (room) => (room ?? Buffer.allocUnsafeSlow(65_536)).fill(i));
      rooms.add(block.buffer);
      for (let before = Math.max(0, i - 3); before <= i; before++) {
        expect(cache.get(String(before), fail).every((byte) => byte === before)).to.equal(true);
      }
    }
    expect(rooms.size).to.be.at.most(6);
  });

  it('gives no memory away that Node shares between small buffers', () => {
    const cache = new BlockCache(5000);
    for (let i = 0; i < 100; i++) {
      cache.get(String(i), (room) => {
        expect(room).to.equal(undefined);
        return Buffer.allocUnsafe(1000);
      });
    }
  });

  it('serves everything with no room at all', () => {
    const cache = new BlockCache(0);
    expect(cache.get('a', () => Buffer.from('a')).toString()).to.equal('a');
    expect(cache.sizeBytes).to.equal(0);
  });

  it('loads the start of a block that is asked for once, all of it the second time, and keeps only that', () => {
    const cache = new BlockCache();
    const starts: number[] = [];
    let wholes = 0;
    const loadStart = (sizeBytes: number, room?: Buffer): Buffer => {
      starts.push(sizeBytes);
      return (room ?? Buffer.alloc(sizeBytes)).fill(1).subarray(0, sizeBytes);
    };
    const load = (): Buffer => {
      wholes += 1;
      return Buffer.alloc(60_000, 1);
    };
    for (let i = 0; i < 100; i++) {
      const start = cache.getStart(`once ${i}`, 10 + i, loadStart, load);
      expect(start.subarray(0, 10 + i).every((byte) => byte === 1)).to.equal(true);
    }
    expect([starts.length, wholes, cache.sizeBytes]).to.deep.equal([100, 0, 0]);
    expect(cache.getStart('once 99', 50, loadStart, load)).to.have.length(60_000);
    expect(cache.getStart('once 99', 50, loadStart, fail)).to.have.length(60_000);
    expect([starts.length, wholes]).to.deep.equal([100, 1]);
  });

  it('takes a block that another thread has inflated for the start of one, too', () => {
    const cache = new BlockCache(100_000, (key) => (key === 'there' ? Buffer.alloc(500, 7) : undefined));
    expect(cache.getStart('there', 10, fail, fail)).to.have.length(500);
    expect(() => cache.getStart('elsewhere', 10, fail, fail)).to.throw('damaged');
  });

  it('does not remember a failure', () => {
    const cache = new BlockCache();
    expect(() => cache.get('a', fail)).to.throw('damaged');
    expect(cache.get('a', () => Buffer.from('healed')).toString()).to.equal('healed');
  });
});
