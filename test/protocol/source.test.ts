import { expect } from 'chai';
import * as fc from 'fast-check';
import { BackupError } from '../../src/errors.ts';
import { SocketSource } from '../../src/protocol/source.ts';
import { latin1, sourceOf } from './sources.ts';

async function text(bytes: Promise<Buffer>): Promise<string> {
  return (await bytes).toString('latin1');
}

describe('socket source', () => {
  it('reads lines, bytes and pieces across chunks of any size', async () => {
    const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', '\n'), maxLength: 2000 }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 50 }), async (chunks, count) => {
        const source = new SocketSource();
        const whole = chunks.join('');
        for (const chunk of chunks) source.push(latin1(chunk));
        source.end();
        let read = '';
        while (read.length < whole.length) {
          if (read.length + count <= whole.length) read += await text(source.bytes(count));
          const newline = whole.indexOf('\n', read.length);
          if (newline === -1) break;
          const line = await text(source.line(1_000_000));
          expect(line).to.equal(whole.slice(read.length, newline + 1));
          read += line;
        }
        await source.pieces(whole.length - read.length, (piece) => void (read += piece.toString('latin1')));
        expect(read).to.equal(whole);
        expect(source.ended).to.equal(true);
      }),
    );
  });

  it('waits for what is not there yet', async () => {
    const source = new SocketSource();
    const line = text(source.line(100));
    for (const byte of 'GET USER anne\r\n') {
      source.push(latin1(byte));
      await Promise.resolve();
    }
    expect(await line).to.equal('GET USER anne\r\n');
    expect(source.buffered).to.equal(0);
  });

  it('keeps what it handed out as it was, while more is gathered behind', async () => {
    const source = new SocketSource();
    source.push(latin1('one\ntw'));
    const one = await source.line(100);
    source.push(latin1('o\n'));
    expect(await text(source.line(100))).to.equal('two\n');
    expect(one.toString('latin1')).to.equal('one\n');
  });

  it('reads a long line that comes in single bytes in linear time', async () => {
    const source = new SocketSource();
    const line = source.line(10_000_000);
    const byte = latin1('x');
    for (let count = 0; count < 1_000_000; count += 1) {
      source.push(byte);
      if (count % 100 === 0) await Promise.resolve();
    }
    source.push(latin1('\n'));
    expect((await line).length).to.equal(1_000_001);
  }).timeout(10_000);

  it('asks its feeder to pause beyond the high water, and to go on when it is read or waited for', async () => {
    const asked: string[] = [];
    const source = new SocketSource({
      pause: () => asked.push('pause'),
      resume: () => asked.push('resume'),
      highWaterBytes: 100,
    });
    source.push(Buffer.alloc(150));
    source.push(Buffer.alloc(50));
    expect(asked).to.deep.equal(['pause']);
    await source.bytes(160);
    expect(asked).to.deep.equal(['pause', 'resume']);
    source.push(Buffer.alloc(100));
    const more = source.bytes(1000);
    expect(asked).to.deep.equal(['pause', 'resume', 'pause', 'resume']);
    source.push(Buffer.alloc(1000));
    expect((await more).length).to.equal(1000);
  });

  it('gives up what is buffered, for STARTTLS to refuse and COMPRESS to take over', async () => {
    const source = sourceOf('COMPRESS DEFLATE\r\nrest', 3);
    await source.line(100);
    expect(source.buffered).to.equal(4);
    expect(source.takeRemaining().toString('latin1')).to.equal('rest');
    expect(source.takeRemaining().length).to.equal(0);
  });

  it('holds the end of an over-long line only, and goes on behind it', async () => {
    const source = sourceOf(`${'x'.repeat(100_000)} {5}\r\nnext\n`, 1000);
    const error = await source.line(2000).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(BackupError).with.property('kind', 'limit');
    expect((error as { tail: Buffer }).tail.toString('latin1'))
      .to.match(/^x+ \{5\}\r\n$/)
      .and.have.length(512);
    expect(await text(source.line(2000))).to.equal('next\n');
  });

  it('that ends while pieces are waited for is closed, and no bug of ours', async () => {
    const source = new SocketSource();
    source.push(latin1('half'));
    const taken: number[] = [];
    const reading = source
      .pieces(100, (piece) => void taken.push(piece.length))
      .catch((error: unknown) => error);
    await Promise.resolve();
    source.end();
    expect(await reading)
      .to.be.instanceOf(BackupError)
      .with.property('kind', 'closed');
    expect(taken).to.deep.equal([4]);
  });

  it('waits for input without taking it, and no longer than to the end', async () => {
    const source = new SocketSource();
    const waiting = source.waitForInput();
    source.push(latin1('x'));
    await waiting;
    await source.waitForInput();
    expect((await source.bytes(1)).toString()).to.equal('x');
    const ending = source.waitForInput();
    source.end();
    await ending;
    await source.waitForInput();
    expect(source.ended).to.equal(true);
  });
});
