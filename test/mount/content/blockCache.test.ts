import { expect } from 'chai';
import { BlockCache } from '../../../mount/content/blockCache.ts';

const BLOCK_BYTES = 65_536;
const MANY = 20;

function fail(): Buffer {
  throw new Error('damaged');
}

/** Loads a block that is full of a number, where there is room into that. */
const full =
  (number: number, loaded: number[] = []) =>
  (room?: Buffer): Buffer => {
    loaded.push(number);
    return (room ?? Buffer.allocUnsafeSlow(BLOCK_BYTES)).subarray(0, BLOCK_BYTES).fill(number);
  };

function askInTurn(cache: BlockCache, count: number, loaded: number[] = []): void {
  for (let number = 0; number < count; number += 1) {
    const block = cache.get(String(number), full(number, loaded));
    expect(block).to.have.length(BLOCK_BYTES);
    expect(block.every((byte) => byte === number)).to.equal(true);
  }
}

describe('the block cache', () => {
  it('has the last blocks, within its bytes, and uses their memory over and over', () => {
    const cache = new BlockCache(10 * (BLOCK_BYTES + 1000));
    const rooms = new Set<ArrayBufferLike>();
    for (let number = 0; number < 100; number += 1) {
      rooms.add(cache.get(String(number), full(number)).buffer);
      for (let before = Math.max(0, number - 9); before <= number; before += 1) {
        expect(cache.get(String(before), fail).every((byte) => byte === before)).to.equal(true);
      }
      expect(cache.sizeBytes).to.be.at.most(10 * (BLOCK_BYTES + 1000));
    }
    expect(rooms.size).to.be.at.most(12);
  });

  it('serves what is larger than it', () => {
    const cache = new BlockCache(10_000);
    for (let times = 0; times < 3; times += 1) askInTurn(cache, MANY);
    expect(cache.sizeBytes).to.be.at.most(10_000);
  });

  it('serves everything with no room at all', () => {
    const cache = new BlockCache(0);
    for (let times = 0; times < 3; times += 1) askInTurn(cache, MANY);
    expect(cache.get('a', () => Buffer.from('a')).toString()).to.equal('a');
    expect(cache.sizeBytes).to.equal(0);
  });

  it('gives no memory away that Node shares between small buffers', () => {
    const cache = new BlockCache(5000);
    for (let at = 0; at < 100; at += 1) {
      cache.get(String(at), (room) => {
        expect(room).to.equal(undefined);
        return Buffer.allocUnsafe(1000);
      });
    }
  });

  it('loads the start of a block that is asked for once, and all of it when more is wanted', () => {
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
    for (let at = 0; at < 100; at += 1) {
      const start = cache.getStart(`block ${at}`, 10 + at, loadStart, load);
      expect(start.subarray(0, 10 + at).every((byte) => byte === 1)).to.equal(true);
    }
    expect([starts.length, wholes]).to.deep.equal([100, 0]);
    expect(cache.getStart('block 99', 50, fail, fail), 'no more than is there').to.have.length(109);
    expect(cache.getStart('block 99', 110, loadStart, load)).to.have.length(60_000);
    expect(cache.get('block 99', fail)).to.have.length(60_000);
    expect(cache.get('block 98', load), 'a start is no block').to.have.length(60_000);
    expect([starts.length, wholes]).to.deep.equal([100, 2]);
  });

  it('does not remember a failure', () => {
    const cache = new BlockCache();
    for (let times = 0; times < MANY; times += 1) {
      expect(() => cache.get('a', fail)).to.throw('damaged');
      expect(() => cache.getStart('a', 1, fail, fail)).to.throw('damaged');
    }
    expect(cache.get('a', () => Buffer.from('healed')).toString()).to.equal('healed');
  });
});
