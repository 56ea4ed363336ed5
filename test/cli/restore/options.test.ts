/** restore's command line: the original's grammar, and ours on top. */
import { expect } from 'chai';
import { BackupError } from '../../../src/errors.ts';
import { interpretRestore } from '../../../src/cli/restore/options.ts';

const NOW_S = 1_795_458_600;
const interpret = (...argv: string[]) => interpretRestore(argv, NOW_S);

describe("restore's command line", () => {
  it('takes the original’s: server, mode, backup, objects, in any order', () => {
    const args = interpret(
      '-v',
      '-v',
      '-r',
      '-U',
      '-C',
      'conf',
      'mail:143',
      '-u',
      'anne',
      'user/anne/Work',
      'f'.repeat(40),
    );
    expect(args).to.include({
      config: 'conf',
      destination: 'mail:143',
      isCyrus: true,
      mode: 'user',
      isExact: true,
    });
    expect(args.backups).to.deep.equal(['anne']);
    expect(args.objects).to.deep.equal(['user/anne/Work', 'f'.repeat(40)]);
    expect(args.verbose).to.equal(2);
    expect(interpret('mail', 'anne', 'INBOX').backups).to.deep.equal(['anne']);
    expect(interpret('mail', '-m', 'user/anne', 'INBOX').mode).to.equal('mailbox');
  });

  it('-A as the last argument is the server’s default', () => {
    expect(interpret('-a', 'mail', 'anne', '-A').acl).to.equal('');
    expect(interpret('-a', '-A', 'bethany\tlr\t', 'mail', 'anne').acl).to.equal('bethany\tlr\t');
  });

  it('-A with spaces in place of tabs is what was meant, and not an ACL that shuts everybody out', () => {
    expect(interpret('-a', '-A', 'bethany lrs anyone lr', 'mail', 'anne').acl).to.equal(
      'bethany\tlrs\tanyone\tlr\t',
    );
    expect(interpret('-a', '-A', 'group:a b\tlr', 'mail', 'anne').acl).to.equal('group:a b\tlr\t');
    for (const acl of ['bethany', 'bethany LR', 'a lr b']) {
      expect(() => interpret('-a', '-A', acl, 'mail', 'anne'), acl).to.throw(BackupError, /^-A/);
    }
  });

  it('--between takes two times, --to takes the server’s place', () => {
    const args = interpret('--to', 'maildir:/x', '--between', '2h', 'now', 'anne');
    expect(args).to.include({ destination: 'maildir:/x', isCyrus: false });
    expect(args.between).to.deep.equal({ from: NOW_S - 7200, to: NOW_S });
  });

  it('what is there is left alone, but settings that are asked for by themselves are set', () => {
    expect(interpret('-a', 'mail', 'anne').existing).to.equal('skip');
    expect(interpret('-a', '--what', 'acl,quota', 'mail', 'anne').existing).to.equal('replace');
    expect([...interpret('-a', '--what', 'mail,flags', 'mail', 'anne').what]).to.deep.equal([
      'mail',
      'flags',
    ]);
  });

  const wrong: [string[], RegExp][] = [
    [[], /a server is expected/],
    [['mail'], /a backup is expected/],
    [['mail', 'anne'], /what is to be restored/],
    [['-a', 'mail', 'anne', 'INBOX'], /-a is everything/],
    [['-U', '-M', 'x', 'mail', 'anne', 'INBOX'], /-U excludes -M/],
    [['-a', '-U', '--into', 'x', 'mail', 'anne'], /-U excludes --into/],
    [['-x', '-X', '-a', 'mail', 'anne'], /-X excludes/],
    [['-a', 'mail', '-u', 'anne', '-f', 'x'], /exclude each other/],
    [['--between', '1h', 'mail', 'mail', 'anne'], /"mail" is no time/],
    [['--between', 'now', '2h', 'mail', 'anne'], /not after the first/],
    [['-a', '--what', 'mail,all', 'mail', 'anne'], /all is none of/],
    [['-a', '--existing', 'merge', 'mail', 'anne'], /merge is none of/],
    [['-a', '--jobs', '0', 'mail', 'anne'], /--jobs/],
    [['-a', '-U', '--to', 'maildir:/x', 'anne'], /--to excludes -U/],
    [['-a', '--nonsense', 'mail', 'anne'], /nonsense/],
  ];
  for (const [argv, message] of wrong) {
    it(`${argv.join(' ')}: refused`, () => {
      expect(() => interpret(...argv))
        .to.throw(BackupError, message)
        .with.property('kind', 'usage');
    });
  }
});
