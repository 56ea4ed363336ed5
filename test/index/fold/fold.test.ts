import { expect } from 'chai';
import { fold } from '../../../src/index/fold/fold.ts';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import {
  allMailboxes,
  livingMailboxes,
  mailboxByName,
  mailboxByUniqueid,
  mailboxesAt,
} from '../../../src/index/queries/mailboxes.ts';
import { recordsOf } from '../../../src/index/queries/records.ts';
import type { LiveMailbox } from '../../../src/index/types.ts';
import { BackupError } from '../../../src/errors.ts';
import { START, guidOf, line, mailboxLine } from '../../support/backups.ts';

const inbox = { uniqueid: 'u1', name: 'user.anne' };
const one = { uid: 1, message: 'first' };
const two = { uid: 2, message: 'second' };

describe('folding mailboxes', () => {
  let index: IndexFile;

  beforeEach(() => {
    index = IndexFile.create(':memory:');
  });
  afterEach(() => index.close());

  const apply = (time: number, name: string, value: string): void =>
    fold(index, line(START + time, name, value), 1);
  const mailbox = (time: number, fields: Parameters<typeof mailboxLine>[1]): void =>
    fold(index, mailboxLine(START + time, fields), 1);
  const byUniqueid = (uniqueid = 'u1'): LiveMailbox => mailboxByUniqueid(index, uniqueid) as LiveMailbox;
  const uidsAt = (time: number, id = byUniqueid().id): number[] =>
    [...recordsOf(index, id, START + time, 'living')].map(({ uid }) => uid);
  const living = (): string[] => [...livingMailboxes(index)].map(({ name }) => name);
  const namesAt = (time: number): string[] => mailboxesAt(index, START + time).map(({ name }) => name);

  it('keep every key of the mailbox that is not of the transfer, known or not, in order and form', () => {
    const extra =
      'ACL "anne\tlrs\t" NEWKEY {3+}\r\na"b XLIST (a %(B NIL)) SINCE_MODSEQ 4 SINCE_CRC 5 SINCE_CRC_ANNOT 6';
    mailbox(0, { ...inbox, extra });
    expect(byUniqueid().state).to.equal(
      'UNIQUEID u1 MBOXNAME user.anne LAST_UID 0 HIGHESTMODSEQ 1 UIDVALIDITY 17 ' +
        'ACL "anne\tlrs\t" NEWKEY {3+}\r\na"b XLIST (a %(B NIL))',
    );
  });

  it('keep keys of a record that have no column', () => {
    mailbox(0, { ...inbox, records: [{ ...one, extra: 'CID 0123 BASECID {2+}\r\n"x' }] });
    expect([...recordsOf(index, byUniqueid().id)][0]?.extra).to.equal('CID 0123 BASECID {2+}\r\n"x');
  });

  it('take a mailbox with no more than its names, as intermediate ones come', () => {
    apply(0, 'MAILBOX', '%(UNIQUEID u9 MBOXNAME user.anne.a MBOXTYPE i HIGHESTMODSEQ 3 CREATEDMODSEQ 2)');
    const { name, lastUid, uidvalidity, highestmodseq } = byUniqueid('u9');
    expect({ name, lastUid, uidvalidity, highestmodseq }).to.deep.equal({
      name: 'user.anne.a',
      lastUid: 0,
      uidvalidity: 0,
      highestmodseq: '3',
    });
  });

  it('keep a message that is in a mailbox twice as two records', () => {
    mailbox(0, { ...inbox, records: [one, { uid: 2, message: 'first' }] });
    mailbox(1, { ...inbox, records: [{ ...one, flags: '\\Expunged', modseq: 9 }] });
    expect([...recordsOf(index, byUniqueid().id, null, 'living')].map(({ uid }) => uid)).to.deep.equal([2]);
    expect([...recordsOf(index, byUniqueid().id)].map(({ guid }) => guid)).to.deep.equal([
      guidOf('first'),
      guidOf('first'),
    ]);
  });

  it('know what a mailbox held before and after a change, an expunge and the record’s coming', () => {
    mailbox(10, { ...inbox, records: [one] });
    mailbox(20, { ...inbox, records: [{ ...one, flags: '\\Seen', modseq: 5 }, two] });
    mailbox(30, { ...inbox, records: [{ ...one, flags: '\\Seen \\Expunged', modseq: 6 }] });
    const flagsAt = (time: number): string[] =>
      [...recordsOf(index, byUniqueid().id, START + time, 'living')].map(({ flags }) => flags);
    expect([9, 10, 19, 20, 29, 30].map((time) => uidsAt(time))).to.deep.equal([
      [],
      [1],
      [1],
      [1, 2],
      [1, 2],
      [2],
    ]);
    expect([10, 19, 20, 29].map(flagsAt)).to.deep.equal([[''], [''], ['\\Seen', ''], ['\\Seen', '']]);
  });

  it('let \\Expunged go again where a master takes it back', () => {
    mailbox(0, { ...inbox, records: [{ ...one, flags: '\\Expunged' }] });
    expect(uidsAt(0)).to.deep.equal([]);
    mailbox(1, { ...inbox, records: [one] });
    expect(uidsAt(1)).to.deep.equal([1]);
    expect(byUniqueid().crc).to.not.equal(0);
  });

  it('change nothing when they come again, not even the time of an expunge', () => {
    const records = [{ ...one, flags: '\\Expunged' }, two];
    mailbox(0, { ...inbox, records });
    const before = everything();
    mailbox(5, { ...inbox, records });
    expect(everything()).to.deep.equal({ ...before, changed: [START + 5] });
  });

  function everything(): object {
    const tables = ['record', 'record_history', 'mailbox_history', 'item', 'message'];
    const rows = tables.map((table) => index.all(`SELECT * FROM ${table}`));
    const mailboxes = [...allMailboxes(index)].map((mailbox) => ({ ...mailbox, changed: 0 }));
    return { rows, mailboxes, changed: [...allMailboxes(index)].map(({ changed }) => changed) };
  }

  it('take EXPUNGE of old masters, once', () => {
    mailbox(0, { ...inbox, records: [one, two] });
    const onlyTwo = index.get<{ crc: number }>('SELECT crc FROM record WHERE uid = 2')?.crc;
    for (const time of [5, 6]) apply(time, 'EXPUNGE', '%(MBOXNAME user.anne UNIQUEID u1 UID (1 77))');
    expect([4, 5].map((time) => uidsAt(time))).to.deep.equal([[1, 2], [2]]);
    expect([...recordsOf(index, byUniqueid().id)][0]?.expunged).to.equal(START + 5);
    expect(byUniqueid().crc).to.equal(onlyTwo);
  });

  for (const uniqueid of ['', ' UNIQUEID u1']) {
    it(`follow a RENAME${uniqueid === '' ? ' by name' : ' by uniqueid'}, and know the old name of before`, () => {
      mailbox(0, { ...inbox, name: 'user.anne.Old', extra: 'PARTITION default', records: [one] });
      apply(
        9,
        'RENAME',
        `%(OLDMBOXNAME user.anne.Old NEWMBOXNAME user.anne.New PARTITION fast UIDVALIDITY 99${uniqueid})`,
      );
      expect(living()).to.deep.equal(['user.anne.New']);
      expect([8, 9].map(namesAt)).to.deep.equal([['user.anne.Old'], ['user.anne.New']]);
      expect(byUniqueid().uidvalidity).to.equal(99);
      expect(byUniqueid().state)
        .to.include('MBOXNAME user.anne.New ')
        .and.include('UIDVALIDITY 99 PARTITION fast');
      expect(uidsAt(9)).to.deep.equal([1]);
    });
  }

  it('end a living mailbox onto whose name another is renamed or made', () => {
    mailbox(0, { uniqueid: 'u1', name: 'user.anne.A' });
    mailbox(0, { uniqueid: 'u2', name: 'user.anne.B' });
    apply(5, 'RENAME', '%(OLDMBOXNAME user.anne.A NEWMBOXNAME user.anne.B PARTITION default UIDVALIDITY 1)');
    expect(mailboxByName(index, 'user.anne.B')?.uniqueid).to.equal('u1');
    mailbox(7, { uniqueid: 'u3', name: 'user.anne.B' });
    expect(living()).to.deep.equal(['user.anne.B']);
    expect(mailboxByName(index, 'user.anne.B')?.uniqueid).to.equal('u3');
    expect([byUniqueid('u2').deleted, byUniqueid('u1').deleted]).to.deep.equal([START + 5, START + 7]);
    expect(namesAt(4)).to.deep.equal(['user.anne.A', 'user.anne.B']);
  });

  it('keep what UNMAILBOX and UNUSER end, and show it at times before', () => {
    for (const [at, name] of ['user.anne', 'user.anne.A', 'user.anne.B'].entries()) {
      mailbox(0, { uniqueid: `u${at}`, name, records: [one] });
    }
    apply(5, 'UNMAILBOX', 'user.anne.A');
    apply(6, 'UNMAILBOX', 'user.anne.A');
    expect(living()).to.deep.equal(['user.anne', 'user.anne.B']);
    apply(9, 'UNUSER', 'anne');
    expect([4, 5, 8, 9].map((time) => namesAt(time).length)).to.deep.equal([3, 2, 2, 0]);
    expect(byUniqueid('u1').deleted).to.equal(START + 5);
    expect([...recordsOf(index, byUniqueid('u1').id, null, 'living')]).to.have.length(1);
  });

  it('give a mailbox its life back when its master sends it again', () => {
    mailbox(0, inbox);
    apply(2, 'UNMAILBOX', 'user.anne');
    mailbox(4, inbox);
    expect([0, 2, 4].map((time) => namesAt(time).length)).to.deep.equal([1, 0, 1]);
  });

  it('never run history backwards when the clock is set back', () => {
    mailbox(100, { ...inbox, records: [one] });
    mailbox(50, { ...inbox, records: [{ ...one, modseq: 9, flags: '\\Seen' }] });
    apply(60, 'UNMAILBOX', 'user.anne');
    mailbox(101, { ...inbox, records: [two] });
    expect(index.all('SELECT * FROM record_history WHERE until <= since')).to.deep.equal([]);
    expect(index.all('SELECT * FROM mailbox_history WHERE until <= since')).to.deep.equal([]);
    expect(namesAt(60)).to.deep.equal([]);
    expect([100, 101].map((time) => uidsAt(time))).to.deep.equal([[1], [1, 2]]);
  });

  it('keep a modseq over 2^53 to the last digit', () => {
    const modseq = 2n ** 62n + 1n;
    mailbox(0, { ...inbox, modseq, records: [{ ...one, modseq }] });
    expect(byUniqueid().highestmodseq).to.equal(String(modseq));
    expect([...recordsOf(index, byUniqueid().id, null, 'living')][0]?.modseq).to.equal(String(modseq));
    mailbox(1, { ...inbox, modseq, records: [{ ...one, modseq: modseq + 1n }] });
    expect([...recordsOf(index, byUniqueid().id, null, 'living')][0]?.modseq).to.equal(String(modseq + 1n));
  });

  it('ignore a line that says nothing of the mail', () => {
    apply(0, 'RESERVE', '%(PARTITION default MBOXNAME (user.anne) GUID ())');
    expect([...allMailboxes(index)]).to.deep.equal([]);
  });

  const wrong: [what: string, name: string, value: string, kind: string][] = [
    ['a MAILBOX that is no list of keys', 'MAILBOX', 'user.anne', 'bad-parameters'],
    ['a MAILBOX without UNIQUEID', 'MAILBOX', '%(MBOXNAME user.anne)', 'bad-parameters'],
    [
      'a record without GUID',
      'MAILBOX',
      '%(UNIQUEID u2 MBOXNAME b RECORD (%(UID 7 MODSEQ 1)))',
      'bad-parameters',
    ],
    [
      'a modseq that is over 63 bits',
      'MAILBOX',
      `%(UNIQUEID u2 MBOXNAME b HIGHESTMODSEQ ${2n ** 63n})`,
      'bad-parameters',
    ],
    [
      'flags that are lists',
      'MAILBOX',
      '%(UNIQUEID u2 MBOXNAME b RECORD (%(UID 7 MODSEQ 1 FLAGS (()))))',
      'bad-parameters',
    ],
    ['a MESSAGE without files', 'MESSAGE', '(a b)', 'bad-parameters'],
    ['a RENAME of nothing', 'RENAME', '%(OLDMBOXNAME user.zoe NEWMBOXNAME user.anne.B)', 'not-found'],
    ['an EXPUNGE in nothing', 'EXPUNGE', '%(MBOXNAME user.zoe UNIQUEID u9 UID (1))', 'not-found'],
    ['an UNMAILBOX of a list', 'UNMAILBOX', '(user.anne)', 'bad-parameters'],
    ['a SUB without a name', 'SUB', '%(USERID anne)', 'bad-parameters'],
    ['a QUOTA that is a string', 'QUOTA', 'user.anne', 'bad-parameters'],
  ];
  for (const [what, name, value, kind] of wrong) {
    it(`refuse ${what}, and a rollback leaves nothing of it`, () => {
      mailbox(0, { ...inbox, records: [one] });
      const before = [everything(), index.all('SELECT * FROM moment')];
      index.begin();
      expect(() => apply(5, name, value))
        .to.throw(BackupError)
        .with.property('kind', kind);
      index.rollback();
      expect([everything(), index.all('SELECT * FROM moment')]).to.deep.equal(before);
    });
  }
});
