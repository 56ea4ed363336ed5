import { expect } from 'chai';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { SharedBlocksReader, SharedBlocksWriter, sharedMemory } from '../../../mount/content/sharedBlocks.ts';

const BLOCKS = 20_000;

function both(): { writer: SharedBlocksWriter; reader: SharedBlocksReader } {
  const memory = sharedMemory();
  return { writer: new SharedBlocksWriter(memory), reader: new SharedBlocksReader(memory) };
}
/** Undefined: not there. */
function copyOf(reader: SharedBlocksReader, number: number, offset = 0): string | undefined {
  const target = Buffer.alloc(2000);
  const bytes = reader.copy(number, offset, target);
  return bytes === 0 ? undefined : target.toString('latin1', 0, bytes);
}
const into =
  (text: string) =>
  (room: Buffer): Buffer =>
    room.subarray(0, room.write(text));

describe('blocks that two threads share', () => {
  it('are copied out by their number, as much of them as is wanted', () => {
    const { writer, reader } = both();
    expect(writer.put(7, into('seven')).toString()).to.equal('seven');
    expect(copyOf(reader, 7)).to.equal('seven');
    expect(copyOf(reader, 7, 2)).to.equal('ven');
    const target = Buffer.from('......');
    expect(reader.copy(7, 1, target.subarray(2, 4))).to.equal(2);
    expect(target.toString()).to.equal('..ev..');
    expect(copyOf(reader, 8)).to.equal(undefined);
  });

  it('give way to new ones, and are none while they are loaded anew', () => {
    const { writer, reader } = both();
    for (let number = 1; number <= 9; number += 1) writer.put(number, into(`block ${number}`));
    const found = Array.from({ length: 9 }, (_, at) => copyOf(reader, at + 1) ?? 'none');
    expect(found.join()).to.equal('none,none,none,none,none,block 6,block 7,block 8,block 9');
    writer.put(10, (room) => {
      expect(copyOf(reader, 6), 'whose slot it is now').to.equal(undefined);
      return into('block 10')(room);
    });
    expect(copyOf(reader, 10)).to.equal('block 10');
  });

  it('are not shared where they fail, or lie elsewhere', () => {
    const { writer, reader } = both();
    expect(() =>
      writer.put(1, () => {
        throw new Error('damaged');
      }),
    ).to.throw('damaged');
    expect(writer.put(2, () => Buffer.from('elsewhere')).toString()).to.equal('elsewhere');
    expect([copyOf(reader, 1), copyOf(reader, 2)]).to.deep.equal([undefined, undefined]);
  });

  it('come with word of what is of no use any more, of each piece of work by itself', () => {
    const { writer, reader } = both();
    const works = Array.from({ length: 3 }, () => reader.noteGiven());
    expect([reader.pending, ...works.map((work) => writer.passed(work))]).to.deep.equal([3, 0, 0, 0]);
    reader.tellPassed(works[1] ?? 0, 2 ** 32 - 1);
    expect(works.map((work) => writer.passed(work))).to.deep.equal([0, 2 ** 32 - 1, 0]);
    for (let more = 0; more < 40; more += 1) {
      const work = reader.noteGiven();
      expect(writer.passed(work), 'new work').to.equal(0);
      reader.tellPassed(work, 7);
      reader.tellPassed(works[0] ?? 0, 9);
      expect(writer.passed(work), 'told of old work').to.equal(7);
    }
    writer.noteDone();
    expect(reader.pending).to.equal(42);
  });

  it('are waited for while they are being loaded, and are whole or not there, whatever the other thread does', async () => {
    const memory = sharedMemory();
    const progress = new Int32Array(new SharedArrayBuffer(4));
    const module = new URL('../../../mount/content/sharedBlocks.js', import.meta.url).href;
    const program = `
      const { workerData: { memory, progress } } = require('node:worker_threads');
      import(${JSON.stringify(module)}).then(({ SharedBlocksWriter }) => {
        const writer = new SharedBlocksWriter(memory);
        for (let number = 1; number <= ${BLOCKS}; number += 1) {
          Atomics.store(progress, 0, number);
          writer.put(number, (room) => room.subarray(0, 1000 + (number % 1000)).fill(number % 256));
        }
      });`;
    const worker = new Worker(program, { eval: true, workerData: { memory, progress } });
    const ended = once(worker, 'exit');
    const reader = new SharedBlocksReader(memory);
    let got = 0;
    for (let latest = 0; latest < BLOCKS;) {
      latest = Atomics.load(progress, 0);
      for (let number = Math.max(1, latest - 3); number <= latest; number += 1) {
        const target = Buffer.alloc(2000);
        const bytes = reader.copy(number, 0, target);
        if (bytes === 0) continue;
        got += 1;
        expect(bytes).to.equal(1000 + (number % 1000));
        expect(target.subarray(0, bytes).every((byte) => byte === number % 256)).to.equal(true);
      }
    }
    await ended;
    expect(got).to.be.greaterThan(0);
    expect(copyOf(reader, BLOCKS)).to.have.length(1000);
  });
});
