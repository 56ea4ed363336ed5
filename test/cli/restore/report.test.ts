/** What restore tells: on a terminal, in a log, and at the end. */
import { expect } from 'chai';
import { RestoreProgress, writeReport } from '../../../src/cli/restore/report.ts';
import { newOutcome } from '../../../src/restore/report/outcome.ts';
import type { UserOutcome } from '../../../src/restore/report/outcome.ts';

function streams() {
  const written = { stdout: '', stderr: '' };
  const io = {
    stdout: { write: (text: string | Uint8Array) => (written.stdout += String(text)) },
    stderr: { write: (text: string | Uint8Array) => (written.stderr += String(text)) },
  };
  return { io, written };
}

function done() {
  const outcome = newOutcome('user.anne.Work', 'user.anne.Restored.Work');
  Object.assign(outcome, { isNew: true, added: 2, skipped: 1, changed: 1, bytes: 3_000_000 });
  outcome.failures.push('UID 7: its bytes are not in this backup');
  return outcome;
}

const user = (): UserOutcome => ({
  userid: 'anne',
  mailboxes: [done()],
  items: [
    { kind: 'quota', name: 'user.anne', action: 'kept', reason: 'the server has another limit' },
    { kind: 'sieve', name: 'main.script', action: 'failed', reason: 'NO' },
  ],
  failures: ['Nowhere: not in this backup'],
  kinds: ['not-found'],
  notes: ['1 mailbox without mail left out (--all-types restores them): user.anne.#calendars'],
});

describe("restore's progress", () => {
  it('elsewhere than on a terminal is a line a mailbox, with each failure before it', () => {
    const { io, written } = streams();
    const progress = new RestoreProgress(io, { isTerminal: false, isQuiet: false });
    progress.expect(4);
    progress.update('anne', done());
    progress.finish('anne', done());
    progress.end();
    expect(written.stderr).to.equal(
      'restore: anne: user.anne.Work: UID 7: its bytes are not in this backup\n' +
        'restore: anne: user.anne.Work -> user.anne.Restored.Work: created, 2 added (3.0 MB), 1 there already, 1 changed, 1 failed\n',
    );
  });

  it('on a terminal is one line with count, rate and what is left', () => {
    const { io, written } = streams();
    const progress = new RestoreProgress(io, { isTerminal: true, isQuiet: false });
    progress.expect(30);
    progress.update('anne', done());
    expect(written.stderr).to.match(
      /\ranne|\r\S*anne user\.anne\.Restored\.Work: 3\/30 messages, 3\.0 MB, [\d.]+ MB\/s, \d+:\d\d left$/,
    );
    progress.end();
    expect(written.stderr).to.match(/\r\u001b\[K$/);
  });
});

describe("restore's report", () => {
  it('is a table of mailboxes and settings, each failure, and sums', () => {
    const { io, written } = streams();
    writeReport(io, [user()], { isPlan: true, isJson: false, withTable: true });
    expect(written.stdout).to.match(/create +2 +1 +1 +user\.anne\.Restored\.Work \(from user\.anne\.Work\)/);
    expect(written.stdout).to.contain('quota user.anne: kept (the server has another limit)');
    expect(written.stdout).to.contain(
      'would restore: 1 user, 1 mailboxes, 1 created, 2 messages added (3.0 MB), 1 skipped, 1 changed, 0 settings, 3 failed\n',
    );
    expect(written.stderr).to.equal(
      'restore: anne: Nowhere: not in this backup\n' +
        'restore: anne: 1 mailbox without mail left out (--all-types restores them): user.anne.#calendars\n' +
        'restore: anne: sieve main.script: failed (NO)\n',
    );
  });

  it('as JSON has all of it', () => {
    const { io, written } = streams();
    writeReport(io, [user()], { isPlan: false, isJson: true, withTable: false });
    expect(JSON.parse(written.stdout)).to.deep.include({
      userid: 'anne',
      plan: false,
      failures: ['Nowhere: not in this backup'],
      notes: ['1 mailbox without mail left out (--all-types restores them): user.anne.#calendars'],
    });
    expect((JSON.parse(written.stdout) as { mailboxes: object[] }).mailboxes[0]).to.deep.include({
      created: true,
      added: 2,
    });
  });
});
