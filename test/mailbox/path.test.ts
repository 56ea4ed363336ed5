import { expect } from 'chai';
import * as fc from 'fast-check';
import { encodeMutf7 } from '../../src/mailbox/mutf7.ts';
import { ownerOf } from '../../src/mailbox/names.ts';
import { fromPathSegments, toPathSegments } from '../../src/mailbox/path.ts';
import { decodeSegment, encodeSegment } from '../../src/mailbox/pathSegment.ts';

const anyByte = fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte));
const hazardous = fc.constantFrom(
  '.',
  '/',
  '%',
  '&',
  '-',
  '\0',
  '&AGE-',
  '%2F',
  '%utf8',
  '%raw',
  'INBOX',
  '1.eml',
  '\xc3\xbc',
  '\xff',
  'a',
);
const level = fc.oneof(
  fc.string({ unit: fc.oneof(anyByte, hazardous), maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map(encodeMutf7),
  fc.string({ unit: anyByte, minLength: 60, maxLength: 300 }),
);

function expectSafe(segment: string): void {
  expect(segment).to.not.match(/^\.|^$|[/\x00-\x1f\x7f-\x9f]|^[0-9]+\.eml$/i);
  expect(Buffer.byteLength(segment)).to.be.at.most(255);
  expect(Buffer.from(segment, 'utf8').toString('utf8')).to.equal(segment);
}

describe('folder names', () => {
  for (const [name, segment] of [
    ['Archive', 'Archive'],
    ['J&APw-rgen', 'Jürgen'],
    ['J\xc3\xbcrgen', 'Jürgen%utf8'],
    ['J\xfcrgen', 'J%FCrgen%raw'],
    ['a&-b', 'a&b'],
    ['a&b', 'a&b%raw'],
    ['&AGE-', '&AGE-%raw'],
    ['', '%empty'],
    ['..', '%2E.'],
    ['.at', '%2Eat'],
    ['a/b', 'a%2Fb'],
    ['&AC8-', '&AC8-%raw'],
    ['100%', '100%25'],
    ['17.eml', '17%2Eeml'],
    ['x.eml', 'x.eml'],
    ['&AAo-', '%0A'],
  ] as const) {
    it(`${JSON.stringify(name)} is shown as ${segment}, and found again`, () => {
      expect(encodeSegment(name)).to.equal(segment);
      expect(decodeSegment(segment)).to.equal(name);
    });
  }

  it('are safe, and decode to what they came from unless cut', () => {
    fc.assert(
      fc.property(level, (name) => {
        const segment = encodeSegment(name);
        expectSafe(segment);
        if (!/%~[0-9a-f]{16}$/.test(segment)) expect(decodeSegment(segment)).to.equal(name);
        else expect(decodeSegment(segment)).to.equal(undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('are different for levels that differ behind the cut', () => {
    const long = encodeMutf7('ü'.repeat(200));
    expect(encodeSegment(`${long}a`)).to.not.equal(encodeSegment(`${long}b`));
    expectSafe(encodeSegment(long));
  });

  it('that no level has are refused', () => {
    for (const segment of [
      '',
      '.',
      'a/b',
      '%',
      '%2',
      '%41',
      'a%',
      '17.eml',
      '%2e',
      'x%~0123456789abcdef',
      '%empty%utf8',
    ]) {
      expect(decodeSegment(segment), segment).to.equal(undefined);
    }
  });
});

describe('paths', () => {
  for (const [name, userid, path] of [
    ['user.anne', 'anne', ['INBOX']],
    ['user.anne.Archive.2024', 'anne', ['Archive', '2024']],
    ['user.anne.INBOX', 'anne', ['%49NBOX']],
    ['user.anne.INBOX.Foo', 'anne', ['%49NBOX', 'Foo']],
    ['x.org!user.foo^bar.v1^2', 'foo.bar@x.org', ['v1.2']],
    ['shared.folder', '%SHARED', ['shared', 'folder']],
    ['x.org!shared.folder', '%SHARED', ['x.org!shared', 'folder']],
    ['DELETED.user.anne.Doomed.6921F0A2', 'anne', ['Doomed%deleted-6921F0A2']],
    ['DELETED.user.anne.6921F0A2', 'anne', ['INBOX%deleted-6921F0A2']],
    ['DELETED.user.anne.INBOX.6921F0A2', 'anne', ['%49NBOX%deleted-6921F0A2']],
    ['DELETED.shared.a.6921F0A2', '%SHARED', ['shared', 'a%deleted-6921F0A2']],
  ] as const) {
    it(`${name} is at ${path.join('/')}, and found there`, () => {
      expect(toPathSegments(name)).to.deep.equal(path);
      expect(fromPathSegments(path, userid)).to.equal(name);
    });
  }

  it('are safe and found again, or refused, whatever a master names its mailboxes', () => {
    const box = level.map((text) => text.replaceAll('.', '^'));
    const head = fc.constantFrom(
      'user.anne',
      'DELETED.user.anne',
      'x.org!user.anne',
      'shared',
      'x.org!shared',
      'DELETED.a',
    );
    fc.assert(
      fc.property(
        head,
        fc.array(box, { maxLength: 3 }),
        fc.constantFrom('', '.6921F0A2', '.0A', '.x/y'),
        (start, boxes, end) => {
          const name = [start, ...boxes].join('.') + end;
          const path = toPathSegments(name);
          for (const segment of path) expectSafe(segment);
          expect(fromPathSegments(path, ownerOf(name) ?? '%SHARED')).to.be.oneOf([name, undefined]);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('of no mailbox are refused', () => {
    for (const path of [
      [''],
      ['INBOX', 'x'],
      ['a', '.'],
      ['..'],
      ['a%deleted-0x1'],
      ['a%deleted-6921f0a2'],
    ]) {
      expect(fromPathSegments(path, 'anne'), path.join('/')).to.equal(undefined);
    }
  });
});
