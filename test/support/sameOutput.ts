/** Compares what one of our tools printed with what the original did. */
import { expect } from 'chai';
import type { Outcome } from './machine.ts';

const TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g;

/**
 * The same but for a few seconds in times: their index has when a session ended, which the data file does not say; ours
 * takes a chunk's last line.
 */
export function expectSame(ours: Outcome, original: Outcome | undefined): void {
  const shape = (outcome: Outcome | undefined): Outcome | undefined =>
    outcome === undefined ? undefined : { ...outcome, stdout: outcome.stdout.replaceAll(TIME, 'TIME') };
  const times = (outcome: Outcome | undefined): number[] =>
    (outcome?.stdout.match(TIME) ?? []).map((time) => Date.parse(`${time}Z`) / 1000);
  expect(shape(ours)).to.deep.equal(shape(original));
  for (const [at, time] of times(original).entries()) expect(times(ours)[at]).to.be.within(time - 5, time);
}
