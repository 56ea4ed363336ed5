import { expect } from 'chai';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { SharedBlocksReader, SharedBlocksWriter, sharedMemory } from '../../../mount/content/sharedBlocks.ts';

const BLOCKS = 20_000;

function both(): { writer: SharedBlocksWriter; reader: SharedBlocksReader } {
  const memory = sharedMemory();
  return { writer: new SharedBlocksWriter(memory), reader: new SharedBlocksReader(memory) };
}
const into =
  (text: string) =>
  (room: Buffer): Buffer =>
    room.subarray(0, room.write(text));

describe('blocks that two threads share', () => {
  it('are copied out by their number, into the room that is given where they fit', () => {
    const { writer, reader } = both();
    expect(writer.put(7, into('seven')).toString()).to.equal('seven');
    expect(reader.get(7)?.toString()).to.equal('seven');
    const room = Buffer.alloc(9);
    expect(reader.get(7, room)?.buffer).to.equal(room.buffer);
    expect(reader.get(7, Buffer.alloc(2))?.toString()).to.equal('seven');
    expect(reader.get(8)).to.equal(undefined);
  });

  it('give way to new ones, and are none while they are loaded anew', () => {
    const { writer, reader } = both();
    for (let number = 1; number <= 9; number += 1) writer.put(number, into(`block ${number}`));
    const found = Array.from({ length: 9 }, (_, at) => reader.get(at + 1)?.toString() ?? 'none');
    expect(found.join()).to.equal('none,none,none,none,none,block 6,block 7,block 8,block 9');
    writer.put(10, (room) => {
      expect(reader.get(6), 'whose slot it is now').to.equal(undefined);
      return into('block 10')(room);
    });
    expect(reader.get(10)?.toString()).to.equal('block 10');
  });

  it('are not shared where they fail, or lie elsewhere', () => {
    const { writer, reader } = both();
    expect(() =>
      writer.put(1, () => {
        throw new Error('damaged');
      }),
    ).to.throw('damaged');
    expect(writer.put(2, () => Buffer.from('elsewhere')).toString()).to.equal('elsewhere');
    expect([reader.get(1), reader.get(2)]).to.deep.equal([undefined, undefined]);
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
        const block = reader.get(number);
        if (block === undefined) continue;
        got += 1;
        expect(block.length).to.equal(1000 + (number % 1000));
        expect(block.every((byte) => byte === number % 256)).to.equal(true);
      }
    }
    await ended;
    expect(got).to.be.greaterThan(0);
    expect(reader.get(BLOCKS)?.length).to.equal(1000);
  });
});
