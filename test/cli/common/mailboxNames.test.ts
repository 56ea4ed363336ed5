/** The one parser of mailbox names that all commands use. */
import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { internalOf } from '../../../src/cli/common/select.ts';
import { loadConfig } from '../../../src/config/imapdConf.ts';

describe('a mailbox name on a command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'names-'));
  after(() => rmSync(folder, { recursive: true }));

  const config = (...lines: string[]) => {
    const path = join(folder, 'imapd.conf');
    writeFileSync(path, ['configdirectory: /x', 'virtdomains: userid', ...lines, ''].join('\n'));
    return loadConfig(path);
  };

  const cases: [name: string, internal: string][] = [
    ['user/anne', 'user.anne'],
    ['user/anne/Work', 'user.anne.Work'],
    ['user.anne.Work', 'user.anne.Work'],
    ['example.com!user.anne', 'example.com!user.anne'],
    ['user/anne/Work@example.com', 'example.com!user.anne.Work'],
    ['user/anne/Entwürfe', 'user.anne.Entw&APw-rfe'],
    ['user/anne/Entw&APw-rfe', 'user.anne.Entw&APw-rfe'],
    ['user/anne/Entwürfe@example.com', 'example.com!user.anne.Entw&APw-rfe'],
  ];
  for (const [name, internal] of cases) {
    it(`${name} is ${internal}`, () => {
      expect(internalOf(name, config('unixhierarchysep: yes'))).to.equal(internal);
    });
  }

  it('user.anne.Work is the same without unixhierarchysep', () => {
    expect(internalOf('user.anne.Work', config('unixhierarchysep: no'))).to.equal('user.anne.Work');
  });
});
