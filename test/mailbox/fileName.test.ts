/** Names that others chose as names of files: safe, short, and never shared. */
import { expect } from 'chai';
import fc from 'fast-check';
import { fileName } from '../../src/mailbox/fileName.ts';
import { activeSieveFile, sieveFiles } from '../../src/mailbox/sieveNames.ts';

const ODD = [
  '%',
  '/',
  '.',
  '%2F',
  '%~',
  '%empty',
  '\u00c3\u00a4',
  '\u00ff',
  '\n',
  'a',
  'A',
  '2',
  'F',
  '.sieve',
  'x'.repeat(120),
];
const names = fc.array(fc.constantFrom(...ODD), { maxLength: 5 }).map((parts) => parts.join(''));

describe('names of files', () => {
  it('are safe, at most 255 bytes, and never shared by two names', () => {
    fc.assert(
      fc.property(names, names, (one, other) => {
        const file = fileName(one);
        expect(file).to.match(/^[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*$/);
        expect(Buffer.byteLength(file)).to.be.at.most(255);
        expect(fileName(one)).to.equal(file);
        if (one !== other) expect(fileName(other)).to.not.equal(file);
      }),
      { numRuns: 3000 },
    );
  });

  it('are the names themselves where those are safe', () => {
    for (const name of ['anne', 'anne@example.com', '100% of it', '%SHARED', 'a b~c']) {
      expect(fileName(name)).to.equal(name);
    }
    expect(fileName('\u00c3\u00a4')).to.equal('\u00e4');
    expect(fileName('')).to.equal('%empty');
    expect(fileName('..')).to.equal('%2E.');
  });
});

describe('files of sieve scripts', () => {
  it('main.bc and main.script are one file, the text; what has no text keeps its name', () => {
    const files = sieveFiles(['main.bc', 'main.script', 'only.bc', 'active', 'main.sieve', 'main']);
    expect([...files]).to.deep.equal([
      ['main.script', 'main.sieve'],
      ['only.bc', 'only.bc'],
      ['active', '%61ctive'],
      ['main.sieve', 'main%2Esieve'],
      ['main', 'main'],
    ]);
    expect(activeSieveFile('main.bc', files)).to.equal('main.sieve');
    expect(activeSieveFile('main', files)).to.equal('main.sieve');
    expect(activeSieveFile('only.bc', files)).to.equal('only.bc');
    expect(activeSieveFile('gone.bc', files)).to.equal(undefined);
  });

  it('two scripts never share a name, however long or odd', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          names.map((name) => `${name}.script`),
          { maxLength: 6 },
        ),
        (scripts) => {
          const files = [...sieveFiles(scripts).values()];
          expect(new Set(files).size).to.equal(scripts.length);
          for (const file of files) expect(Buffer.byteLength(file)).to.be.at.most(255);
        },
      ),
    );
  });
});
