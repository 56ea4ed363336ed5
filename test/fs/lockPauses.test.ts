import { expect } from 'chai';
import { nextPauseMs } from '../../src/fs/posixLock.ts';

describe('waiting for a lock', () => {
  it('ends soon after the lock is given up: a writer once stood 140 ms for a compaction that held it for 70', () => {
    for (let holdMs = 1; holdMs <= 400; holdMs += 1) {
      let waitedMs = 0;
      for (let pauseMs = 1; waitedMs < holdMs; pauseMs = nextPauseMs(pauseMs)) waitedMs += pauseMs;
      expect(waitedMs).to.be.below(1.14 * holdMs + 1.5);
    }
  });

  it('costs little where it is long', () => {
    let polls = 0;
    for (let [waitedMs, pauseMs] = [0, 1]; waitedMs < 10_000; pauseMs = nextPauseMs(pauseMs)) {
      waitedMs += pauseMs;
      polls += 1;
    }
    expect(polls).to.be.below(130);
  });
});
