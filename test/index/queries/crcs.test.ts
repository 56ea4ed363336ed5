/** Checksums as masters of several versions sent them, seen on the wire. */
import { expect } from 'chai';
import { annotAsCounted, noCrcs, withCrcs } from '../../../src/index/queries/crcs.ts';
import { annotsCrc, initialAnnotCrc, paddingsCrc } from '../../../src/protocol/crc.ts';

const CMU = '/vendor/cmu/cyrus-imapd';

/** By uid: entries and values. */
function crcsOf(userid: string | null, records: readonly (readonly [string, string][])[]) {
  return records.reduce(
    (sum, values, at) => {
      const annotations = values.map(([entry, value]) => ({ entry: `${CMU}/${entry}`, userid, value }));
      const crcPadding = paddingsCrc(at + 1, annotations);
      return withCrcs(sum, { crc: 0, crcAnnot: annotsCrc(at + 1, annotations), crcPadding });
    },
    { ...noCrcs, crcAnnot: initialAnnotCrc },
  );
}

describe('SYNC_CRC_ANNOT of mailboxes with threads', () => {
  const saved = ['savedate', '1795468769'] as [string, string];
  const withZero = crcsOf('', [
    [['internaldate.nsec', '499567726'], ['createdmodseq', '2'], saved, ['thrid', 'e690ef0f95f54e8d']],
    [['internaldate.nsec', '125544160'], ['createdmodseq', '3'], saved, ['thrid', '93c404daf423b48c']],
    [['internaldate.nsec', '302545261'], ['createdmodseq', '4'], saved, ['thrid', 'fe389a7127058e91']],
    [['internaldate.nsec', '442170802'], ['createdmodseq', '5'], saved, ['thrid', '031e0e339ed7b968']],
  ]);

  it('is that of a master of 3.13.7, which counts leading zeros', () => {
    expect(annotAsCounted(3_696_075_119, withZero)).to.equal(3_696_075_119);
  });

  it('is that of a master of 3.0, which sends them as nobody’s and starts from zero', () => {
    const held = crcsOf(null, [[['thrid', 'e690ef0f95f54e8d']], [['thrid', '93c404daf423b48c']]]);
    expect(annotAsCounted(1_546_026_756, held)).to.equal(1_546_026_756);
  });

  it('is without leading zeros and from 12345678 where the master sent something else, or nothing', () => {
    expect(annotAsCounted(4711, withZero)).to.equal(withZero.crcAnnot);
    expect(annotAsCounted(null, withZero)).to.equal(67_493_015);
  });

  it('of records taken out again is that of none', () => {
    expect(withCrcs(withZero, withZero)).to.deep.equal(noCrcs);
  });
});
