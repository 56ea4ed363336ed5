import { expect } from 'chai';
import { mailboxByUniqueid } from '../../../src/index/queries/mailboxes.ts';
import { forgetBytes } from '../../../src/index/queries/messages.ts';
import {
  firstToAskFor,
  missingCount,
  missingMessages,
  setUndelivered,
} from '../../../src/index/queries/missing.ts';
import { fold, foldSteps } from '../../../src/index/fold/fold.ts';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import type { LiveMailbox } from '../../../src/index/types.ts';
import { FileLiteral } from '../../../src/protocol/dlist.ts';
import { START, guidOf, line, mailboxLine } from '../../support/backups.ts';

const inbox = { uniqueid: 'u1', name: 'user.anne' };

describe('records whose messages are not here', () => {
  let index: IndexFile;

  beforeEach(() => {
    index = IndexFile.create(':memory:');
  });
  afterEach(() => index.close());

  const mailbox = (): LiveMailbox => mailboxByUniqueid(index, 'u1') as LiveMailbox;
  const listed = (...uids: number[]): void =>
    fold(
      index,
      mailboxLine(START, { ...inbox, records: uids.map((uid) => ({ uid, message: `m${uid}` })) }),
      1,
    );
  const arrives = (...uids: number[]): void => {
    const files = uids.map((uid) => new FileLiteral('default', guidOf(`m${uid}`), 10));
    fold(index, { time: START, name: 'MESSAGE', value: files }, 1);
  };

  function ask(askedSince = START - 10): { uid: number | undefined; steps: number } {
    const search = firstToAskFor(index, mailbox(), askedSince);
    for (let steps = 1; ; steps += 1) {
      const { done, value } = search.next();
      if (done === true) return { uid: value, steps };
    }
  }

  it('are not looked for where every message was there first', () => {
    arrives(1, 2);
    listed(1, 2);
    expect(mailbox().missingFrom).to.equal(null);
    expect(ask().uid).to.equal(undefined);
    expect(missingCount(index)).to.equal(0);
  });

  it('are asked for from the lowest on, and no longer when they have come', () => {
    arrives(1, 3);
    listed(1, 2, 3, 4);
    expect(ask().uid).to.equal(2);
    arrives(2);
    expect(ask().uid).to.equal(4);
    expect(mailbox().missingFrom).to.equal(4);
    arrives(4);
    expect(ask().uid).to.equal(undefined);
    expect(mailbox().missingFrom).to.equal(null);
  });

  it('are passed over for a time when the master could not send them', () => {
    listed(1, 2);
    setUndelivered(index, guidOf('m1'), START);
    expect(ask().uid).to.equal(2);
    expect(ask(START).uid, 'after that time').to.equal(1);
    setUndelivered(index, guidOf('m2'), START);
    expect(ask().uid).to.equal(undefined);
    expect([...missingMessages(index, 10)].map(({ uid }) => uid)).to.deep.equal([1, 2]);
  });

  it('are asked for again when the record changes, and not when it is said once more', () => {
    listed(1);
    setUndelivered(index, guidOf('m1'), START);
    listed(1);
    expect(ask().uid).to.equal(undefined);
    const flagged = { uid: 1, message: 'm1', flags: '\\Seen', modseq: 9 };
    fold(index, mailboxLine(START + 1, { ...inbox, records: [flagged] }), 1);
    expect(ask().uid).to.equal(1);
  });

  it('are asked for again when bytes that were here are lost', () => {
    listed(1, 2, 3);
    arrives(1, 2, 3);
    expect(ask().uid).to.equal(undefined);
    forgetBytes(index, guidOf('m2'));
    expect(ask().uid).to.equal(2);
  });

  it('are found in steps, of few rows each, and the next time at once', () => {
    const uids = Array.from({ length: 5000 }, (_, at) => at + 1);
    listed(...uids);
    arrives(...uids.slice(0, -1));
    expect(ask()).to.deep.equal({ uid: 5000, steps: 6 });
    expect(ask()).to.deep.equal({ uid: 5000, steps: 1 });
  });

  it('and a line that changes nothing says so', () => {
    const isChange = (text: ReturnType<typeof line>): boolean => {
      const steps = foldSteps(index, text, 1);
      for (;;) {
        const { done, value } = steps.next();
        if (done === true) return value;
      }
    };
    const said = mailboxLine(START, { ...inbox, records: [{ uid: 1, message: 'm1' }] });
    expect([isChange(said), isChange(said)]).to.deep.equal([true, false]);
    const sub = line(START, 'SUB', '%(USERID anne MBOXNAME user.anne)');
    expect([isChange(sub), isChange(sub)]).to.deep.equal([true, false]);
    const script = line(START, 'SIEVE', '%(USERID anne FILENAME a CONTENT keep;)');
    expect([isChange(script), isChange(script)]).to.deep.equal([true, false]);
    const unsub = line(START, 'UNSUB', '%(USERID anne MBOXNAME user.anne)');
    expect([isChange(unsub), isChange(unsub)]).to.deep.equal([true, false]);
  });
});
