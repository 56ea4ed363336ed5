import { expect } from 'chai';
import {
  SharedBlocksReader,
  SharedBlocksWriter,
  sharedMemory,
} from '../../../../mount/content/sharedBlocks.ts';
import type { FolderPlace, Upcoming } from '../../../../mount/tree.ts';
import { ReadAhead } from '../../../../mount/transports/kernel/readAhead.ts';
import type { Stretch } from '../../../../mount/transports/kernel/readAhead.ts';

const FILE_BYTES = 8192;
const PLACE = 5;

/** A folder with files 1 to `count`, each a block of its own. */
function makeReader(count: number, lanes: 1 | 2 = 1) {
  const memory = sharedMemory();
  const stretches: Stretch[] = [];
  const asked: number[] = [];
  const lane = {
    blocks: new SharedBlocksReader(memory),
    post: (stretch: Stretch) => stretches.push(stretch),
  };
  const others: Stretch[] = [];
  const otherLane = {
    blocks: new SharedBlocksReader(sharedMemory()),
    post: (stretch: Stretch) => others.push(stretch),
  };
  const readAhead = new ReadAhead(lanes === 1 ? [lane] : [lane, otherLane]);
  const upcoming = (after: number, maxBytes: number): Upcoming => {
    asked.push(maxBytes);
    const wanted = Math.min(count - after, Math.ceil(maxBytes / FILE_BYTES));
    const numbers = Array.from({ length: Math.max(0, wanted) }, (_, at) => after + at + 1);
    const from = { offset: 0, fileOffset: 0 };
    const block = { chunkId: 1, start: 0, end: FILE_BYTES, from, fileEnd: 10, isExact: true };
    return {
      dataFile: 'data',
      inode: 1n,
      blocks: numbers.map((number) => ({ key: `block ${number}`, block })),
      files: numbers.map((number, at) => ({
        number,
        sizeBytes: FILE_BYTES,
        sha1: '',
        parts: [{ block: at, from: 0, to: FILE_BYTES }],
      })),
    };
  };
  const folder = { kind: 'folder', key: 'folder', upcoming } as unknown as FolderPlace;
  const read = (...numbers: number[]): void => {
    for (const number of numbers) {
      readAhead.note(PLACE, { place: folder, number });
      readAhead.afterReply();
    }
  };
  /** What a reader asks for who reads all: what is not in the kernel's cache by then. */
  const readAll = (): number[] => {
    const misses: number[] = [];
    for (let number = 1; number <= count; number += 1) {
      if (stretches.some(({ upcoming: { files } }) => files.some((file) => file.number === number))) continue;
      misses.push(number);
      read(number);
    }
    return misses;
  };
  return { readAhead, memory, stretches, others, asked, folder, read, readAll };
}

const numbersOf = ({ upcoming }: Stretch): number[] => upcoming.files.map(({ number }) => number);

describe('reading ahead', () => {
  it('begins when some files were read one after another, and names those that follow, but for one', () => {
    const { stretches, read } = makeReader(1000);
    read(10, 11);
    expect(stretches).to.deep.equal([]);
    read(12);
    expect(stretches).to.have.length(1);
    const numbers = stretches.flatMap(numbersOf);
    expect([numbers[0], numbers.at(-1)]).to.deep.equal([13, 44]);
    expect(numbers).to.have.length(31);
    expect(stretches[0]?.placeNumber).to.equal(PLACE);
  });

  it('goes on by what is left out, in longer and longer stretches, and asks for few files then', () => {
    const { asked, stretches, readAll } = makeReader(3000);
    const misses = readAll();
    expect(misses.slice(0, 3)).to.deep.equal([1, 2, 3]);
    expect(misses.length).to.be.lessThan(30);
    expect(asked.slice(0, 5)).to.deep.equal([1, 2, 4, 8, 8].map((times) => times * 256 * 1024));
    const told = stretches.flatMap(numbersOf);
    expect(new Set(told).size, 'none twice').to.equal(told.length);
    expect(told.length + misses.length).to.equal(3000);
  });

  it('lets those be who read here and there, the same file again, or backwards', () => {
    const { stretches, read } = makeReader(100_000);
    read(500, 100, 90_000, 4000, 200, 70_000, 1, 30_000, 9);
    read(50_000, 50_000, 50_000, 50_000);
    read(604, 603, 602, 601, 600);
    expect(stretches).to.deep.equal([]);
  });

  it('follows several readers of one folder', () => {
    const { stretches, read } = makeReader(100_000);
    for (let at = 1; at <= 3; at += 1) read(1000 + at, 5000 + at, 9000 + at);
    expect(stretches.map((stretch) => numbersOf(stretch)[0])).to.deep.equal([1004, 5004, 9004]);
  });

  it('gives a second reader another thread while the first one has work, and each reader the same one always', () => {
    const { memory, stretches, others, read } = makeReader(100_000, 2);
    const done = new SharedBlocksWriter(memory);
    read(1001, 1002, 1003);
    read(5001, 5002, 5003);
    expect([stretches.length, others.length]).to.deep.equal([1, 1]);
    const lastOf = (stretch: Stretch | undefined): number => (stretch && numbersOf(stretch).at(-1)) ?? 0;
    read(lastOf(others[0]), lastOf(stretches[0]));
    expect([stretches.length, others.length]).to.deep.equal([2, 2]);
    done.noteDone();
    done.noteDone();
    read(9001, 9002, 9003);
    expect([stretches.length, others.length]).to.deep.equal([3, 2]);
  });

  it('stops where the folder fails, and answers go on', () => {
    const { stretches, folder, readAhead } = makeReader(100);
    Object.assign(folder, {
      upcoming() {
        throw new Error('gone');
      },
    });
    for (let number = 1; number < 20; number += 1) {
      readAhead.note(PLACE, { place: folder, number });
      readAhead.afterReply();
    }
    expect(stretches).to.deep.equal([]);
  });

  it('finds blocks that the other thread has, under the numbers that it was given', () => {
    const { readAhead, memory, stretches, read } = makeReader(1000);
    read(1, 2, 3);
    const [stretch] = stretches;
    const first = stretch?.firstBlock ?? 0;
    const writer = new SharedBlocksWriter(memory);
    expect(readAhead.block('block 5')).to.equal(undefined);
    writer.put(first + 1, (room) => room.subarray(0, room.write('five')));
    expect(readAhead.block('block 5')?.toString()).to.equal('five');
    expect(readAhead.block('block 4')).to.equal(undefined);
    expect(readAhead.block('block 999')).to.equal(undefined);
  });
});
