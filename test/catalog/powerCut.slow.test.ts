/** What a power cut leaves of backups.db: see test/simulation/powerCut. CYRUS_BACKUPS_POWER_CUTS says how many states. */
import { expect } from 'chai';
import { runRack } from '../simulation/powerCut/runRack.ts';

const STATES = 4 * Number(process.env['CYRUS_BACKUPS_POWER_CUTS'] ?? 150);

describe('a catalogue after a power cut', () => {
  it('holds the last acknowledged transaction, or the one under way as a whole, in any state', async function () {
    this.timeout(60_000 + 100 * STATES);
    const report = await runRack('twoskipRack', STATES, 1);
    expect(report.examples).to.deep.equal([]);
    expect(report.faults).to.deep.equal({});
  });
});
