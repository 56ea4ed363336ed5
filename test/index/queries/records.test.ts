/** Records, items and deletions at and between moments, on an index that is folded from a few lines. */
import { expect } from 'chai';
import { fold } from '../../../src/index/fold/fold.ts';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import { itemsAt } from '../../../src/index/queries/items.ts';
import { mailboxByUniqueid } from '../../../src/index/queries/mailboxes.ts';
import { messageByGuid } from '../../../src/index/queries/messages.ts';
import { expungedBetween, firstSeen, livesAt } from '../../../src/index/queries/recordHistory.ts';
import { livingSize, recordsPage } from '../../../src/index/queries/records.ts';
import { START, guidOf, line, mailboxLine, type MailboxFields } from '../../support/backups.ts';

const inbox = { uniqueid: 'u1', name: 'user.anne' };
const trash = { uniqueid: 'u2', name: 'user.anne.Trash' };
const one = { uid: 1, message: 'first' };
const two = { uid: 2, message: 'second' };
const DELETED = 'DELETED.*';

describe('questions about moments', () => {
  let index: IndexFile;

  beforeEach(() => {
    index = IndexFile.create(':memory:');
  });
  afterEach(() => index.close());

  const mailbox = (time: number, fields: MailboxFields): void =>
    fold(index, mailboxLine(START + time, fields), 1);
  const idOf = ({ uniqueid }: { uniqueid: string }): number => mailboxByUniqueid(index, uniqueid)?.id ?? -1;
  const lives = (text: string, time: number): boolean =>
    livesAt(index, messageByGuid(index, guidOf(text))?.id ?? -1, START + time, DELETED);

  it('a page of records is as it was, expunged ones with their mark', () => {
    mailbox(0, { ...inbox, records: [one, two] });
    mailbox(10, {
      ...inbox,
      records: [
        { ...one, modseq: 5, flags: '\\Seen' },
        { ...two, modseq: 6, flags: '\\Expunged' },
      ],
    });
    const range = { mailboxId: idOf(inbox), shown: 'every', limit: 10 } as const;
    const page = (time: number | null): [number, string, boolean][] =>
      recordsPage(index, { ...range, time, afterUid: 0 }).map(({ uid, flags, expunged }) => [
        uid,
        flags,
        expunged === null,
      ]);
    expect(page(START + 9)).to.deep.equal([
      [1, '', true],
      [2, '', true],
    ]);
    expect(page(START + 10)).to.deep.equal([
      [1, '\\Seen', true],
      [2, '', false],
    ]);
    expect(page(null)).to.deep.equal(page(START + 10));
    expect(recordsPage(index, { ...range, time: null, afterUid: 1 }).map(({ uid }) => uid)).to.deep.equal([
      2,
    ]);
    expect(livingSize(index, idOf(inbox))).to.deep.equal({ messages: 1, bytes: 'first'.length });
  });

  it('what was expunged between two moments comes with the flags that it had before', () => {
    mailbox(0, { ...inbox, records: [{ ...one, flags: '\\Flagged' }, two] });
    mailbox(10, { ...inbox, records: [{ ...one, modseq: 5, flags: '\\Deleted \\Expunged' }] });
    mailbox(20, { ...inbox, records: [{ ...two, modseq: 6, flags: '\\Expunged' }] });
    const between = (from: number, to: number): [number, string, null | number][] =>
      expungedBetween(index, idOf(inbox), START + from, START + to).map(({ uid, flags, expunged }) => [
        uid,
        flags,
        expunged,
      ]);
    expect(between(0, 9)).to.deep.equal([]);
    expect(between(9, 10)).to.deep.equal([[1, '\\Flagged', null]]);
    expect(between(10, 20)).to.deep.equal([[2, '', null]]);
  });

  it('a message that was moved lives on; one in a deleted mailbox does not', () => {
    mailbox(0, { ...inbox, records: [one] });
    mailbox(10, { ...trash, records: [one] });
    mailbox(10, { ...inbox, records: [{ ...one, modseq: 5, flags: '\\Expunged' }] });
    expect([lives('first', 5), lives('first', 10)]).to.deep.equal([true, true]);
    fold(
      index,
      line(
        START + 20,
        'RENAME',
        '%(OLDMBOXNAME user.anne.Trash NEWMBOXNAME DELETED.user.anne.Trash.6921F0A2 PARTITION default UIDVALIDITY 17)',
      ),
      1,
    );
    expect([lives('first', 19), lives('first', 20)]).to.deep.equal([true, false]);
    expect([firstSeen(index, idOf(inbox), 1), firstSeen(index, idOf(trash), 1)]).to.deep.equal([
      START,
      START + 10,
    ]);
  });

  it('items are as they were', () => {
    fold(index, line(START, 'SUB', '%(USERID anne MBOXNAME user.anne.Work)'), 1);
    fold(index, line(START + 10, 'UNSUB', '%(USERID anne MBOXNAME user.anne.Work)'), 1);
    const names = (time: number | null): string[] => itemsAt(index, 'sub', time).map(({ key }) => key);
    expect(names(START - 1)).to.deep.equal([]);
    expect(names(START + 9)).to.deep.equal(['user.anne.Work']);
    expect(names(START + 10)).to.deep.equal([]);
    expect(names(null)).to.deep.equal([]);
  });
});
