import { expect } from 'chai';
import { BlockCache } from '../../../mount/content/blockCache.ts';

const BLOCK_BYTES = 65_536;
/** So many blocks are asked for in turn that none is among the last ones when it is asked for again. */
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
  it('has the last few blocks, and uses their memory over and over', () => {
    const cache = new BlockCache();
    const rooms = new Set<ArrayBufferLike>();
    for (let number = 0; number < 100; number += 1) {
      rooms.add(cache.get(String(number), full(number)).buffer);
      for (let before = Math.max(0, number - 7); before <= number; before += 1) {
        expect(cache.get(String(before), fail).every((byte) => byte === before)).to.equal(true);
      }
    }
    expect(rooms.size).to.equal(8);
    expect(cache.sizeBytes, 'of what was asked for within a moment nothing is kept').to.equal(0);
  });

  it('keeps what is asked for again when it has left them, within its bytes', () => {
    const cache = new BlockCache(MANY * 2 * BLOCK_BYTES);
    const loaded: number[] = [];
    for (let times = 0; times < 4; times += 1) askInTurn(cache, MANY, loaded);
    const each = Array.from({ length: MANY }, (_, number) => number);
    expect(loaded, 'the last eight were still there').to.deep.equal([...each, ...each.slice(0, -8)]);
    const small = new BlockCache(5 * BLOCK_BYTES);
    for (let times = 0; times < 4; times += 1) {
      askInTurn(small, MANY);
      expect(small.sizeBytes).to.be.at.most(5 * BLOCK_BYTES);
    }
    expect(small.sizeBytes).to.be.above(BLOCK_BYTES);
  });

  it('serves everything with no room at all', () => {
    const cache = new BlockCache(0);
    for (let times = 0; times < 3; times += 1) askInTurn(cache, MANY);
    expect(cache.get('a', () => Buffer.from('a')).toString()).to.equal('a');
    expect(cache.sizeBytes).to.equal(0);
  });

  it('gives no memory away that Node shares between small buffers, nor keeps what a very long block took', () => {
    const cache = new BlockCache();
    const shared = Buffer.allocUnsafe(1000);
    for (const bytes of [shared, Buffer.alloc(3_000_000)]) {
      for (let at = 0; at < 2 * MANY; at += 1) {
        cache.get(`${bytes.length} ${at}`, (room) => {
          expect(room?.buffer).to.not.equal(bytes.buffer);
          return bytes;
        });
      }
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
    expect([starts.length, wholes, cache.sizeBytes]).to.deep.equal([100, 0, 0]);
    expect(cache.getStart('block 99', 50, fail, fail), 'no more than is there').to.have.length(109);
    expect(cache.getStart('block 99', 110, loadStart, load)).to.have.length(60_000);
    expect(cache.get('block 99', fail)).to.have.length(60_000);
    expect(cache.get('block 98', load), 'a start is no block').to.have.length(60_000);
    expect([starts.length, wholes]).to.deep.equal([100, 2]);
  });

  it('loads a block whole, and keeps it, whose start was asked for a while ago', () => {
    const cache = new BlockCache();
    cache.getStart('wanted again', 10, () => Buffer.alloc(10), fail);
    askInTurn(cache, MANY);
    expect(cache.getStart('wanted again', 10, fail, full(7))).to.have.length(BLOCK_BYTES);
    expect(cache.sizeBytes).to.be.above(0);
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
