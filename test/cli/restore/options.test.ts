/** restore's command line: the original's grammar, and ours on top. */
import { expect } from 'chai';
import { BackupError } from '../../../src/errors.ts';
import { parseCommandLine } from '../../../src/cli/common/commandLine/parse.ts';
import { interpretRestore } from '../../../src/cli/restore/options.ts';
import { restore } from '../../../src/cli/restore/program/program.ts';

const NOW_S = 1_795_458_600;
const interpret = (...argv: string[]) => {
  const line = parseCommandLine(restore, argv);
  if (line.kind !== 'run') throw new Error(`${argv.join(' ')} asks for ${line.kind}`);
  return interpretRestore(line, NOW_S);
};

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
    [[], /a SERVER is missing/],
    [['mail'], /a BACKUP is missing/],
    [['mail', 'anne'], /what is to be restored/],
    [['-a', 'mail', 'anne', 'INBOX'], /-a means everything/],
    [['-U', '-M', 'x', 'mail', 'anne', 'INBOX'], /-U and -M exclude each other/],
    [['-a', '-U', '--into', 'x', 'mail', 'anne'], /-U and --into exclude each other/],
    [['-x', '-X', '-a', 'mail', 'anne'], /-x and -X exclude each other/],
    [['-a', 'mail', '-u', 'anne', '-f', 'x'], /exclude each other/],
    [['--between', '1h', 'mail', 'mail', 'anne'], /"mail" is no time/],
    [['--between', 'now', '2h', 'mail', 'anne'], /not after the first/],
    [['-a', '--what', 'mail,all', 'mail', 'anne'], /all is none of/],
    [['-a', '--existing', 'merge', 'mail', 'anne'], /merge: skip, copy or replace is expected/],
    [['-a', '--jobs', '0', 'mail', 'anne'], /--jobs/],
    [['-a', '-U', '--to', 'maildir:/x', 'anne'], /--to and -U exclude each other/],
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
