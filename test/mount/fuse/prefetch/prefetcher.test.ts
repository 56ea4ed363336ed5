import { expect } from 'chai';
import {
  SharedBlocksReader,
  SharedBlocksWriter,
  sharedMemory,
} from '../../../../mount/content/sharedBlocks.ts';
import { PrefetchPlanBuilder, fileCount, fileNumber } from '../../../../mount/content/prefetchList.ts';
import type { PrefetchPlanWithKeys } from '../../../../mount/content/prefetchList.ts';
import type { FolderReference } from '../../../../mount/vfs/tree.ts';
import { PrefetchPlanner } from '../../../../mount/fuse/prefetch/prefetcher.ts';
import type { PrefetchBatch } from '../../../../mount/fuse/prefetch/prefetcher.ts';

const FILE_BYTES = 8192;
const LARGE_BYTES = 300_000;
/** Every hundredth file. */
const LARGE_EVERY = 100;
const PLACE = 5;
const KIB = 1024;

interface Asked {
  readonly after: number;
  readonly maxBytes: number;
  readonly largestBytes: number;
}

const bytesOf = (number: number): number => (number % LARGE_EVERY === 0 ? LARGE_BYTES : FILE_BYTES);

/** A thread that reads ahead, but does not: what it is given is looked at by tests. */
function makePrefetcher(told: number[]) {
  const memory = sharedMemory();
  const stretches: PrefetchBatch[] = [];
  const lane = {
    blocks: new SharedBlocksReader(memory),
    post(stretch: PrefetchBatch): void {
      stretches.push(stretch);
      told.push(...numbersOf(stretch));
    },
  };
  return { lane, stretches, writer: new SharedBlocksWriter(memory) };
}

/** A folder with files 1 to `count`, each a block of its own. */
function makeReader(count: number, laneCount = 1) {
  const told: number[] = [];
  const lanes = Array.from({ length: laneCount }, () => makePrefetcher(told));
  const asked: Asked[] = [];
  const readAhead = new PrefetchPlanner(lanes.map(({ lane }) => lane));
  const upcoming = (after: number, maxBytes: number, largestBytes: number): PrefetchPlanWithKeys => {
    asked.push({ after, maxBytes, largestBytes });
    const builder = new PrefetchPlanBuilder();
    let leftBytes = maxBytes;
    for (let number = after + 1; number <= count && leftBytes > 0; number += 1) {
      const sizeBytes = bytesOf(number);
      if (sizeBytes > largestBytes) continue;
      const block = builder.addBlock(`block ${number}`, { fileOffset: 0, fileEnd: 10, sizeBytes });
      builder.addFile({ number, sizeBytes, block, offsetInBlock: 0, sha1: '' });
      leftBytes -= sizeBytes;
    }
    return builder.finish('data', 1n);
  };
  const folder = { kind: 'folder', key: 'folder', upcoming } as unknown as FolderReference;
  /** `large`: how much of a large file is read. */
  const read = (numbers: readonly number[], large: 'all' | 'start' = 'all'): void => {
    for (const number of numbers) {
      const node = { place: folder, number };
      readAhead.note(PLACE, node, bytesOf(number) === FILE_BYTES);
      if (bytesOf(number) !== FILE_BYTES && large === 'all') readAhead.noteEnd(PLACE, node);
      readAhead.afterReply();
    }
  };
  /** What a reader asks for who reads all: what is not in the kernel's cache by then. */
  const readAll = (large: 'all' | 'start' = 'all'): number[] => {
    const misses: number[] = [];
    for (let number = 1; number <= count; number += 1) {
      // Mostly what comes next, or soon.
      if (told.lastIndexOf(number) >= 0) continue;
      misses.push(number);
      read([number], large);
    }
    return misses;
  };
  const [{ stretches, writer } = makePrefetcher([]), other = makePrefetcher([])] = lanes;
  const { stretches: others, writer: otherWriter } = other;
  return { readAhead, stretches, writer, others, otherWriter, asked, folder, read, told, readAll };
}

function numbersOf({ upcoming, leftOut }: PrefetchBatch): number[] {
  const all = Array.from({ length: fileCount(upcoming) }, (_, at) => fileNumber(upcoming, at));
  return all.filter((number) => number !== leftOut);
}

describe('reading ahead', () => {
  it('begins when some files were read one after another, and names those that follow, but for one', () => {
    const { stretches, read } = makeReader(1000);
    read([10, 11]);
    expect(stretches).to.deep.equal([]);
    read([12]);
    expect(stretches).to.have.length(1);
    const numbers = stretches.flatMap(numbersOf);
    expect([numbers[0], numbers.at(-1)]).to.deep.equal([13, 44]);
    expect(numbers).to.have.length(31);
    expect(stretches[0]?.leftOut).to.equal(29);
    expect(stretches[0]?.referenceNumber).to.equal(PLACE);
  });

  it('goes on by what is left out, in longer and longer stretches, two ahead, and asks for few files then', () => {
    const { asked, readAll, told } = makeReader(3000);
    const misses = readAll();
    expect(misses.slice(0, 4)).to.deep.equal([1, 2, 3, 20]);
    expect(misses.length).to.be.lessThan(40);
    const [first, second, third, fourth] = asked;
    expect([first, second, third, fourth].map((each) => each?.maxBytes)).to.deep.equal(
      [256, 512, 1024, 2048].map((kib) => kib * KIB),
    );
    expect(second?.after, 'the first was not read to its end').to.equal(35);
    expect(third?.after).to.be.greaterThan(second?.after ?? Infinity);
    expect(asked.at(-1)?.maxBytes).to.equal(2048 * KIB);
    expect(new Set(told).size, 'none twice').to.equal(told.length);
    expect(told.length + misses.length).to.equal(3000);
  });

  it('takes long files along for who has read one to its end, and not for who has not', () => {
    const whole = makeReader(3000);
    const misses = whole.readAll('all');
    expect(misses.filter((number) => number % LARGE_EVERY === 0).length).to.be.within(1, 5);
    expect(whole.asked.at(-1)?.largestBytes).to.equal(1024 * KIB);
    const heads = makeReader(3000);
    heads.readAll('start');
    expect(heads.told.some((number) => number % LARGE_EVERY === 0)).to.equal(false);
    expect(new Set(heads.asked.map(({ largestBytes }) => largestBytes))).to.deep.equal(new Set([128 * KIB]));
  });

  it('lets those be who read here and there, the same file again, or backwards', () => {
    const { stretches, read } = makeReader(100_000);
    read([501, 101, 90_001, 4001, 201, 70_001, 1, 30_001, 9]);
    read([50_001, 50_001, 50_001, 50_001]);
    read([604, 603, 602, 601, 599]);
    expect(stretches).to.deep.equal([]);
  });

  it('follows several readers of one folder', () => {
    const { stretches, read } = makeReader(100_000);
    for (let at = 1; at <= 3; at += 1) read([1000 + at, 5000 + at, 9000 + at]);
    expect(stretches.map((stretch) => numbersOf(stretch)[0])).to.deep.equal([1004, 5004, 9004]);
  });

  it('gives each stretch to the thread that has least to do, the first ones first', () => {
    const { writer, stretches, others, otherWriter, read } = makeReader(100_000, 2);
    read([1001, 1002, 1003]);
    expect([stretches.length, others.length]).to.deep.equal([1, 0]);
    read([5001, 5002, 5003]);
    expect([stretches.length, others.length], 'another reader').to.deep.equal([1, 1]);
    writer.noteDone();
    otherWriter.noteDone();
    read([stretches[0]?.leftOut ?? 0]);
    expect([stretches.length, others.length], 'two ahead').to.deep.equal([2, 2]);
  });

  it('tells the threads what was read before they had put it anywhere', () => {
    const { writer, stretches, read } = makeReader(1000);
    read([1, 2, 3]);
    const work = stretches[0]?.work ?? 0;
    expect(writer.passed(work)).to.equal(0);
    read([4, 5, 6]);
    expect(writer.passed(work)).to.equal(6);
    const mark = stretches[0]?.leftOut ?? 0;
    read([mark]);
    expect(writer.passed(work)).to.equal(mark);
    read([mark + 1]);
    expect(stretches.map((stretch) => writer.passed(stretch.work))).to.deep.equal([
      mark + 1,
      mark + 1,
      mark + 1,
    ]);
  });

  it('goes on from where a reader is who has overtaken it', () => {
    const { asked, read } = makeReader(1000);
    read([1, 2, 3]);
    read(Array.from({ length: 60 }, (_, at) => 4 + at));
    expect(asked.length).to.be.greaterThan(1);
    expect(asked.every(({ after }, at) => at === 0 || after > (asked[at - 1]?.after ?? 0))).to.equal(true);
  });

  it('stops where the folder fails or ends, and answers go on', () => {
    const failing = makeReader(100);
    let times = 0;
    Object.assign(failing.folder, {
      upcoming() {
        times += 1;
        throw new Error('gone');
      },
    });
    failing.read(Array.from({ length: 20 }, (_, at) => at + 1));
    expect([failing.stretches.length, times]).to.deep.equal([0, 1]);
    const short = makeReader(4);
    short.read([1, 2, 3, 4]);
    expect(short.asked.length).to.be.lessThan(3);
    const none = makeReader(100, 0);
    none.read([1, 2, 3, 4, 5]);
    expect(none.told).to.deep.equal([]);
  });

  it('copies from blocks that another thread has, under the numbers that it was given', () => {
    const { readAhead, writer, stretches, read } = makeReader(1000);
    read([1, 2, 3]);
    const first = stretches[0]?.firstBlock ?? 0;
    const target = Buffer.alloc(10);
    expect(readAhead.copyBlock('block 5', 0, target)).to.equal(0);
    writer.put(first + 1, (room) => room.subarray(0, room.write('five')));
    expect(readAhead.copyBlock('block 5', 1, target)).to.equal(3);
    expect(target.toString('latin1', 0, 3)).to.equal('ive');
    expect(readAhead.copyBlock('block 4', 0, target)).to.equal(0);
    expect(readAhead.copyBlock('block 999', 0, target)).to.equal(0);
  });
});
