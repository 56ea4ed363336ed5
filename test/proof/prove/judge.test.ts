/** Judging differences in the light of earlier runs, choosing the sample, and what runs remember. */
import { expect } from 'chai';
import { appendFileSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { judge } from '../../../src/proof/prove/judge.ts';
import type { Difference } from '../../../src/proof/prove/difference.ts';
import { ProofMemory } from '../../../src/proof/prove/memory.ts';
import { Reservoir } from '../../../src/proof/prove/ownUser.ts';
import { paced } from '../../../src/proof/pace.ts';
import { makeFolder } from '../../support/machine.ts';

const later: Difference = {
  what: 'modseq',
  verdict: 'later',
  mailbox: 'user.anne',
  backup: '7',
  server: '9',
};

describe('judging differences', () => {
  it('what is behind becomes wrong after the grace period, if the backup has not moved since', () => {
    const first = judge([later], undefined, { now: 1000, graceSeconds: 100 });
    expect(first.verdict).to.equal('behind');
    // The server has moved on again, the backup has not.
    const again = { ...later, server: '12' };
    expect(judge([again], first.memory, { now: 1099, graceSeconds: 100 }).verdict).to.equal('behind');
    const late = judge([again], first.memory, { now: 1100, graceSeconds: 100 });
    expect(late.verdict).to.equal('wrong');
    expect(late.differences[0]).to.include({ firstSeen: 1000, verdict: 'wrong' });
    const moved = judge([{ ...again, backup: '9' }], first.memory, { now: 1100, graceSeconds: 100 });
    expect(moved.verdict, 'the backup moved, and is behind for another reason').to.equal('behind');
  });

  it('what is gone is forgotten, and the time of the last proof is kept', () => {
    const first = judge([], undefined, { now: 1000, graceSeconds: 100 });
    expect(first.memory).to.deep.equal({ checked: 1000, proved: 1000, open: {} });
    const wrong = judge([{ ...later, verdict: 'wrong' }], first.memory, { now: 1500, graceSeconds: 100 });
    expect([wrong.verdict, wrong.memory.proved]).to.deep.equal(['wrong', 1000]);
    const well = judge([], wrong.memory, { now: 1600, graceSeconds: 100 });
    expect(judge([later], well.memory, { now: 1700, graceSeconds: 100 }).differences[0]?.firstSeen).to.equal(
      1700,
    );
  });

  it('memory survives a kill in the middle of a line, and does not grow with each run', () => {
    const folder = makeFolder('memory');
    for (let run = 0; run < 5; run += 1) {
      const memory = ProofMemory.open(folder, 'Mail.example.com:143');
      memory.set('anne', { checked: run, proved: null, open: { a: 1 } });
      memory.set('b\u00fcb', { checked: run, proved: 3, open: {} });
      memory.close();
      const [name = ''] = readdirSync(folder);
      appendFileSync(join(folder, name), '["carl",{"checked":9');
    }
    const memory = ProofMemory.open(folder, 'mail.example.com:143');
    expect([memory.get('anne')?.checked, memory.get('b\u00fcb')?.proved, memory.get('carl')]).to.deep.equal([
      4,
      3,
      undefined,
    ]);
    memory.close();
    const [name = ''] = readdirSync(folder);
    expect(readFileSync(join(folder, name), 'utf8').split('\n')).to.have.lengthOf(3);
    rmSync(folder, { recursive: true });
  });

  it('each message is in the sample as often as each other', () => {
    let state = 1;
    const random = (): number => (state = Math.imul(state, 48_271) >>> 1) / 2 ** 31;
    const counts = Array.from({ length: 20 }, () => 0);
    for (let run = 0; run < 4000; run += 1) {
      const reservoir = new Reservoir<number>(5, random);
      for (let item = 0; item < counts.length; item += 1) reservoir.offer(item);
      expect(reservoir.chosen).to.have.lengthOf(5);
      for (const item of reservoir.chosen) counts[item] = (counts[item] ?? 0) + 1;
    }
    // 1,000 are expected of each; five standard deviations are 137.
    for (const count of counts) expect(count).to.be.within(863, 1137);
  });

  it('the pace is kept, and a pause is not made up for', async () => {
    let now = 0;
    const pace = paced({ stepsPerSecond: 1_000_000, bytesPerSecond: 1e9 }, () => now);
    const started = performance.now();
    for (let step = 0; step < 100; step += 1) await pace(1000);
    expect(performance.now() - started, 'nothing to wait for').to.be.lessThan(1000);
    now = 60_000;
    await pace(0);
  });
});
