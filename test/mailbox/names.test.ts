import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  backupUseridOf,
  deletedAtOf,
  fromAdmin,
  inboxOf,
  internalName,
  isInbox,
  isValidUserid,
  ownerOf,
  parseName,
  toAdmin,
  whyInvalidUserid,
} from '../../src/mailbox/names.ts';

describe('mailbox names', () => {
  for (const [name, owner] of [
    ['user.anne', 'anne'],
    ['user.anne.Archive.2024', 'anne'],
    ['user.foo^bar.X', 'foo.bar'],
    ['example.com!user.anne', 'anne@example.com'],
    ['example.com!user.foo^bar', 'foo.bar@example.com'],
    ['DELETED.user.anne.Doomed.6921F0A2', 'anne'],
    ['example.com!DELETED.user.anne.6921F0A2', 'anne@example.com'],
    ['shared.folder', null],
    ['example.com!shared', null],
    ['DELETED.shared.folder.6921F0A2', null],
    ['user', null],
    ['users.anne', null],
    ['DELETED.user', null],
  ] as const) {
    it(`${name} belongs to ${owner}`, () => {
      expect(ownerOf(name)).to.equal(owner);
      expect(backupUseridOf(name)).to.equal(owner ?? '%SHARED');
    });
  }

  it('tell when a mailbox was deleted', () => {
    expect(deletedAtOf('DELETED.user.anne.Doomed.6921F0A2')).to.equal(0x6921f0a2);
    expect(deletedAtOf('DELETED.user.anne.Doomed.xyz')).to.equal(0);
    expect(deletedAtOf('user.anne.DELETED.6921F0A2')).to.equal(undefined);
    expect(deletedAtOf('GONE.user.anne.6921F0A2', 'GONE')).to.equal(0x6921f0a2);
    expect(ownerOf('DELETED.user.anne.6921F0A2', 'GONE')).to.equal(null);
  });

  it('know an INBOX', () => {
    expect(['user.anne', 'x.org!user.anne'].every(isInbox)).to.equal(true);
    expect(['user.anne.INBOX', 'shared', 'DELETED.user.anne.6921F0A2'].some(isInbox)).to.equal(false);
    expect(inboxOf('foo.bar@example.com')).to.equal('example.com!user.foo^bar');
    expect(inboxOf('anne')).to.equal('user.anne');
  });

  it('are put together again as they were', () => {
    const level = fc.stringMatching(/^[A-Za-z0-9 &^-]{1,8}$/);
    const name = fc.record({
      domain: fc.option(fc.constantFrom('example.com', 'x.org'), { nil: undefined }),
      localpart: fc.option(level, { nil: undefined }),
      boxes: fc.array(level, { minLength: 1, maxLength: 4 }),
      deletedAt: fc.option(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(name, (parts) => {
        const printed = internalName(parts);
        expect(internalName(parseName(printed))).to.equal(printed);
      }),
    );
  });

  for (const [internal, admin, unixHierarchySep] of [
    ['user.anne.Archive', 'user/anne/Archive', true],
    ['user.foo^bar.v1^2', 'user/foo.bar/v1.2', true],
    ['example.com!user.anne', 'user/anne@example.com', true],
    ['example.com!user.foo^bar.X', 'user.foo^bar.X@example.com', false],
    ['shared.folder', 'shared.folder', false],
    ['DELETED.user.anne.X.6921F0A2', 'DELETED/user/anne/X/6921F0A2', true],
  ] as const) {
    it(`${internal} is ${admin} to an admin, and back`, () => {
      const options = { unixHierarchySep, virtDomains: true, defaultDomain: 'def.org' };
      expect(toAdmin(internal, options)).to.equal(admin);
      expect(fromAdmin(admin, options)).to.equal(internal);
    });
  }

  it('leave the default domain out', () => {
    const options = { unixHierarchySep: true, virtDomains: true, defaultDomain: 'def.org' };
    expect(fromAdmin('user/anne@def.org', options)).to.equal('user.anne');
    expect(fromAdmin('user/anne@x', { ...options, virtDomains: false })).to.equal('user.anne@x');
  });
});

describe('userids', () => {
  it('that are in use are taken', () => {
    for (const userid of [
      'anne',
      'foo.bar@example.com',
      '%SHARED',
      '-dash',
      '_under',
      'sp ace',
      'J\xfcrgen',
      '1num',
    ]) {
      expect(whyInvalidUserid(userid), userid).to.equal(undefined);
    }
  });

  it('that could leave, hide in or confuse a directory are refused', () => {
    for (const userid of [
      '',
      '.',
      '..',
      '../x',
      'a/b',
      '/etc',
      'a\0b',
      'a\nb',
      '\x7f',
      '.hidden',
      '%shared',
      '%SHARED2',
      'x'.repeat(201),
    ]) {
      expect(isValidUserid(userid), JSON.stringify(userid)).to.equal(false);
    }
  });
});
