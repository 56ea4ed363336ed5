/** Folders of each format: two mailboxes never share one, and every name fits. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Claims } from '../../../src/restore/files/claims.ts';
import { maildirName, mboxPath, otherName, zipPath } from '../../../src/restore/files/folderNames.ts';
import { MARKER } from '../../../src/restore/files/marker.ts';

const PIECES = [
  'a',
  'a^b',
  'a_b',
  'a%2Eb',
  'INBOX',
  'Inbox',
  'sieve',
  'x^sbd',
  'messages^json',
  '&AOQ-',
  '&-',
  '',
];
const level = fc.oneof(
  fc.constantFrom(...PIECES),
  fc
    .constantFrom('&', '%', '%empty', '/', ':', '\\', '~', ' ', '17^eml', '\u00fc', '%deleted-0')
    .map((odd) => `x${odd}`),
  fc.nat(3).map((n) => `${'long name '.repeat(30)}${n}`),
);
const mailbox = fc
  .tuple(
    fc.constantFrom('user.anne', 'DELETED.user.anne', 'shared', 'a!shared'),
    fc.array(level, { maxLength: 6 }),
  )
  .map(([root, levels]) => {
    const name = [root, ...levels].join('.');
    return root.startsWith('DELETED') ? `${name}.6921F0A2` : name;
  });

describe('folders of mailboxes', () => {
  const formats: [string, (name: string) => string[]][] = [
    ['Maildir', (name) => [maildirName(name, 'DELETED')]],
    ['mbox', (name) => mboxPath(name, 'DELETED')],
    ['zip', (name) => zipPath(name, 'DELETED')],
  ];
  for (const [format, pathOf] of formats) {
    it(`${format}: are never shared, and fit into 255 bytes with what stands beside them`, () => {
      fc.assert(
        fc.property(mailbox, mailbox, (one, other) => {
          const path = pathOf(one);
          const spare = format === 'mbox' ? `.${MARKER}.new`.length + 1 : 0;
          for (const name of path) {
            expect(Buffer.byteLength(name) + (name.endsWith('.sbd') ? 0 : spare)).to.be.at.most(255);
            expect(name).to.match(/^[^/\x00-\x1f\x7f]*$/);
            if (format !== 'Maildir') expect(name).to.match(/^[^.]/);
          }
          if (one !== other) expect(pathOf(other).join('/')).to.not.equal(path.join('/'));
        }),
        { numRuns: 3000 },
      );
    });
  }

  it('are what people expect where nothing is in the way', () => {
    expect(maildirName('user.anne', 'DELETED')).to.equal('');
    expect(maildirName('user.anne.Archive.v1^2', 'DELETED')).to.equal('.Archive.v1%2E2');
    expect(maildirName('user.anne.Entw&APw-rfe', 'DELETED')).to.equal('.Entw&APw-rfe');
    expect(maildirName('user.anne.inbox.x', 'DELETED')).to.equal('.%69nbox.x');
    expect(maildirName('DELETED.user.anne.Old.6921F0A2', 'DELETED')).to.equal('.Old%deleted-6921F0A2');
    expect(mboxPath('user.anne', 'DELETED')).to.deep.equal(['INBOX']);
    expect(mboxPath('user.anne.Archive.2024', 'DELETED')).to.deep.equal(['Archive.sbd', '2024']);
    expect(mboxPath('user.anne.sieve', 'DELETED')).to.deep.equal(['%73ieve']);
    expect(zipPath('user.anne.a:b.con', 'DELETED')).to.deep.equal(['a%3Ab', '%63on']);
  });

  it('whose name another mailbox holds go elsewhere, to the same place in every run', () => {
    const holder = (path: string): string | undefined => (path === 'x' ? 'other' : undefined);
    const other = otherName('x', 'mine');
    expect(new Claims({ holder }).claim('mine', ['x', other])).to.equal(other);
    expect(new Claims({ holder }).claim('other', ['x', other])).to.equal('x');
    expect(() => new Claims({ holder: () => 'other' }).claim('mine', ['x', other])).to.throw(/x holds other/);
  });
});
