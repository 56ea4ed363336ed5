import { expect } from 'chai';
import { fold } from '../../src/index/fold/fold.ts';
import { IndexFile } from '../../src/index/store/indexFile.ts';
import { item, itemsAt } from '../../src/index/queries/items.ts';
import type { ItemKind } from '../../src/index/types.ts';
import { START, line } from '../support/backups.ts';

describe('folding what a user has beside mailboxes', () => {
  let index: IndexFile;

  beforeEach(() => {
    index = IndexFile.create(':memory:');
  });
  afterEach(() => index.close());

  const apply = (time: number, name: string, value: string): void =>
    fold(index, line(START + time, name, value), 1);
  const keys = (kind: ItemKind): string[] => itemsAt(index, kind, null).map(({ key }) => key);
  const history = (kind: ItemKind): unknown[] =>
    index.all('SELECT key, since, until FROM item_history WHERE kind = ? ORDER BY until', kind);

  it('keeps the newest seen state of each mailbox, and what it was before', () => {
    apply(0, 'SEEN', '%(USERID anne UNIQUEID u1 LASTREAD 1 LASTUID 2 LASTCHANGE 3 SEENUIDS 1:2)');
    apply(0, 'SEEN', '%(USERID anne UNIQUEID u2 LASTREAD 1 LASTUID 2 LASTCHANGE 3 SEENUIDS 1)');
    apply(5, 'SEEN', '%(USERID anne UNIQUEID u1 LASTREAD 9 LASTUID 3 LASTCHANGE 3 SEENUIDS 1:3)');
    expect(keys('seen')).to.deep.equal(['u1', 'u2']);
    expect(item(index, 'seen', 'u1')?.value).to.equal(
      '%(USERID anne UNIQUEID u1 LASTREAD 9 LASTUID 3 LASTCHANGE 3 SEENUIDS 1:3)',
    );
    expect(history('seen')).to.deep.equal([{ key: 'u1', since: START, until: START + 5 }]);
  });

  it('does not count the same again as a change', () => {
    for (const time of [0, 5]) apply(time, 'SUB', '%(USERID anne MBOXNAME user.anne)');
    expect(item(index, 'sub', 'user.anne')?.since).to.equal(START);
    expect(history('sub')).to.deep.equal([]);
  });

  it('ends a subscription, and takes UNSUB of none', () => {
    apply(0, 'SUB', '%(USERID anne MBOXNAME user.anne)');
    apply(1, 'UNSUB', '%(USERID anne MBOXNAME user.anne)');
    apply(2, 'UNSUB', '%(USERID anne MBOXNAME user.anne)');
    expect(keys('sub')).to.deep.equal([]);
    expect(history('sub')).to.have.length(1);
  });

  it('knows the one active script, and that it ends with its file', () => {
    apply(0, 'SIEVE', '%(USERID anne FILENAME main.script LAST_UPDATE 1 CONTENT {7+}\r\nkeep;\r\n)');
    apply(0, 'SIEVE', '%(USERID anne FILENAME away.script LAST_UPDATE 1 CONTENT stop;)');
    apply(1, 'ACTIVATE_SIEVE', '%(USERID anne FILENAME main.script)');
    apply(2, 'UNSIEVE', '%(USERID anne FILENAME away.script)');
    expect(item(index, 'active', '')?.value).to.equal('%(USERID anne FILENAME main.script)');
    apply(3, 'UNSIEVE', '%(USERID anne FILENAME main.script)');
    expect([keys('sieve'), keys('active')]).to.deep.equal([[], []]);
    apply(4, 'ACTIVATE_SIEVE', '%(USERID anne FILENAME other.script)');
    apply(5, 'UNACTIVATE_SIEVE', '%(USERID anne)');
    expect(keys('active')).to.deep.equal([]);
  });

  it('knows quota by root, whether it ends by a bare root or by keys', () => {
    for (const root of ['user.anne', 'user.anne.big']) apply(0, 'QUOTA', `%(ROOT ${root} STORAGE 200000)`);
    apply(1, 'UNQUOTA', 'user.anne.big');
    expect(keys('quota')).to.deep.equal(['user.anne']);
    apply(2, 'UNQUOTA', '%(ROOT user.anne)');
    expect(keys('quota')).to.deep.equal([]);
  });

  it("tells the server's annotations apart by entry and user", () => {
    const about = (user: string): string => `MBOXNAME "" ENTRY /comment USERID ${user}`;
    apply(0, 'ANNOTATION', `%(${about('""')} VALUE shared)`);
    apply(0, 'ANNOTATION', `%(${about('anne')} VALUE mine)`);
    apply(1, 'UNANNOTATION', `%(${about('anne')})`);
    expect(itemsAt(index, 'annotation', null).map(({ value }) => value)).to.deep.equal([
      `%(${about('""')} VALUE shared)`,
    ]);
  });
});
