import { closeSync, readSync, writeSync } from 'node:fs';
import { expect } from 'chai';
import { BusyPoll } from '../../../../mount/fuse/server/busyPoll.ts';
import { isReadable, makePipe } from '../../../../mount/fuse/wire/libc.ts';
import type { Pipe } from '../../../../mount/fuse/wire/libc.ts';

const SOON_MS = 0.1;
const MANY = 1000;
const pause = new Int32Array(new SharedArrayBuffer(4));

const quick = (): undefined => undefined;
const slow = (): void => void Atomics.wait(pause, 0, 0, 5);

describe('waiting awake for a request', () => {
  let pipe: Pipe;

  beforeEach(() => void (pipe = makePipe()));
  afterEach(() => {
    for (const fd of [pipe.readFd, pipe.writeFd]) closeSync(fd);
  });

  /** `asked`: how often it would have waited awake, had nobody been busy. */
  function makePoll({ isBusy = false, processors = 2 } = {}) {
    const made = { asked: 0, times: [] as number[], poll };
    const busyPoll = new BusyPoll(
      pipe.readFd,
      () => {
        made.asked += 1;
        return isBusy;
      },
      processors,
    );
    function poll(read: () => void): void {
      const startMs = performance.now();
      busyPoll.before(read);
      made.times.push(performance.now() - startMs);
    }
    return made;
  }

  it('begins when a request came soon after the last one, and ends when one did not', () => {
    const made = makePoll();
    for (let times = 0; times < 3; times++) made.poll(slow);
    expect(made.asked, 'after slow ones').to.equal(0);
    writeSync(pipe.writeFd, 'x');
    // Of many some are quick, whoever else has the processor.
    for (let times = 0; times < MANY; times++) made.poll(quick);
    expect(made.asked, 'after quick ones').to.be.at.least(1);
    made.poll(slow);
    const { asked } = made;
    for (let times = 0; times < 3; times++) made.poll(slow);
    expect(made.asked, 'after slow ones again').to.equal(asked);
  });

  it('waits a moment where nothing comes, and the next time not at all', () => {
    const made = makePoll();
    for (let times = 0; times < MANY && made.asked === 0; times++) made.poll(quick);
    expect(made.asked).to.equal(1);
    expect(made.times.at(-1)).to.be.at.least(SOON_MS);
    made.poll(quick);
    expect(made.asked).to.equal(1);
  });

  it('does not wait where a request is there already, where threads of ours are busy, or with one processor', () => {
    for (const options of [{ isBusy: true }, { processors: 1 }]) {
      const made = makePoll(options);
      for (let times = 0; times < MANY; times++) made.poll(quick);
      expect(Math.min(...made.times), JSON.stringify(options)).to.be.below(SOON_MS);
    }
    expect(isReadable(pipe.readFd)).to.equal(false);
    writeSync(pipe.writeFd, 'x');
    expect(isReadable(pipe.readFd)).to.equal(true);
    const made = makePoll();
    for (let times = 0; times < MANY; times++) made.poll(quick);
    expect(made.asked).to.be.at.least(1);
    expect(Math.min(...made.times)).to.be.below(SOON_MS);
    readSync(pipe.readFd, Buffer.alloc(1));
    expect(isReadable(pipe.readFd)).to.equal(false);
  });

  it('gives what was read, and throws what reading throws', () => {
    const poll = new BusyPoll(pipe.readFd, () => false);
    expect(poll.before(() => 40)).to.equal(40);
    const read = (): never => {
      throw new Error('ENODEV');
    };
    expect(() => poll.before(read)).to.throw('ENODEV');
  });
});
