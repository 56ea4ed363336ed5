/** Compares the output of one of our tools with that of the original. */
import { expect } from 'chai';
import type { Outcome } from './machine.ts';

const TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g;

/**
 * Returns the original's code if ours says the same more exactly: the originals end with 75 for
 * whatever went wrong with a backup.
 */
export function theirCode(ours: number, original: number | undefined): number {
  return original === 75 && [65, 66, 67].includes(ours) ? original : ours;
}

/**
 * Expects the same output, but allows times to differ by a few seconds. The originals' index stores
 * when a session ended, which the data file does not record. Ours uses the chunk's last line.
 */
export function expectSame(ours: Outcome, original: Outcome | undefined): void {
  const shape = (outcome: Outcome | undefined): Outcome | undefined =>
    outcome === undefined ? undefined : { ...outcome, stdout: outcome.stdout.replaceAll(TIME, 'TIME') };
  const times = (outcome: Outcome | undefined): number[] =>
    (outcome?.stdout.match(TIME) ?? []).map((time) => Date.parse(`${time}Z`) / 1000);
  expect(shape({ ...ours, code: theirCode(ours.code, original?.code) })).to.deep.equal(shape(original));
  for (const [at, time] of times(original).entries()) expect(times(ours)[at]).to.be.within(time - 5, time);
}
