/**
 * Typical mistakes of administrators, each with the message that answers it: what happened, to
 * what, and what to do. The tables are in commandLines.ts and stores.ts.
 */
import { expect } from 'chai';
import { SampleSite } from '../../backup/sampleBackup.ts';
import { commandLines } from './commandLines.ts';
import { answerTo } from './mistake.ts';
import { stores } from './stores.ts';

const RAW = /\bat \S+ \(|error:[0-9A-F]{8}|\bE[A-Z]+: |routines::|undefined|\[object/;

describe('typical mistakes', () => {
  const zone = process.env['TZ'];
  let site: SampleSite;

  before(() => {
    process.env['TZ'] = 'UTC';
  });

  after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  beforeEach(async () => {
    site = await SampleSite.create(['anne', 'bob']);
  });

  afterEach(() => site.remove());

  it('are at least a hundred', () => {
    expect(commandLines.length + stores.length).to.be.at.least(100);
  });

  for (const mistake of [...commandLines, ...stores]) {
    const { types, code, says } = mistake;
    it(`${types}: ${code}`, async () => {
      mistake.prepare?.(site);
      const answer = await answerTo(mistake, site);
      expect(answer.err.trimEnd()).to.equal(says);
      expect(answer.code).to.equal(code);
      expect(answer.err).not.to.match(RAW);
    });
  }
});
