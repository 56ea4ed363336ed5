/** Compares the output of one of our tools with that of the original. */
import { expect } from 'chai';
import type { Outcome } from './machine.ts';

const TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g;

/**
 * Expects the same output, but allows times to differ by a few seconds. The originals' index stores
 * when a session ended, which the data file does not record. Ours uses the chunk's last line.
 */
export function expectSame(ours: Outcome, original: Outcome | undefined): void {
  const shape = (outcome: Outcome | undefined): Outcome | undefined =>
    outcome === undefined ? undefined : { ...outcome, stdout: outcome.stdout.replaceAll(TIME, 'TIME') };
  const times = (outcome: Outcome | undefined): number[] =>
    (outcome?.stdout.match(TIME) ?? []).map((time) => Date.parse(`${time}Z`) / 1000);
  expect(shape(ours)).to.deep.equal(shape(original));
  for (const [at, time] of times(original).entries()) expect(times(ours)[at]).to.be.within(time - 5, time);
}
