/** One user's restore where the destination fails: what is named, what goes on, and over which connection. */
import { expect } from 'chai';
import { BackupError } from '../../src/errors.ts';
import { WHAT } from '../../src/restore/cyrus/job.ts';
import type { Destination } from '../../src/restore/destination.ts';
import type { MailboxOutcome, UserOutcome } from '../../src/restore/outcome.ts';
import { restoreUser } from '../../src/restore/restoreUser.ts';
import { BackupSite, START, appendMailbox } from '../support/backups.ts';

describe('restoring a user', () => {
  let site: BackupSite;
  let opened: number;
  let done: string[];

  before(async () => {
    site = new BackupSite();
    const backup = await site.open();
    for (const [index, name] of ['user.anne.Work', 'user.anne', 'user.anne.Private'].entries()) {
      await appendMailbox(site, backup, START + index, { uniqueid: `u${index}`, name, records: [] });
    }
    await site.close(backup);
  });

  after(() => site.remove());

  /** `fail`: what a mailbox's n-th try throws. */
  function restore(
    fail: (name: string, attempt: number) => BackupError | undefined,
    work: (outcome: MailboxOutcome, attempt: number) => void = () => undefined,
    isUnreachable: () => boolean = () => false,
  ): Promise<UserOutcome> {
    opened = 0;
    done = [];
    const attempts = new Map<string, number>();
    const destination: Destination = {
      carries: new Set(WHAT),
      prepare: () => Promise.resolve(),
      restoreMailbox({ target }, outcome) {
        const attempt = (attempts.get(target) ?? 0) + 1;
        attempts.set(target, attempt);
        work(outcome, attempt);
        const error = fail(target, attempt);
        if (error !== undefined) return Promise.reject(error);
        done.push(target);
        return Promise.resolve();
      },
      restoreItems: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    };
    return restoreUser({
      userid: null,
      path: site.path(),
      time: null,
      selection: {
        objects: [],
        isRecursive: false,
        withDeleted: false,
        expunged: 'without',
        filter: { uids: null, from: null, subject: null, since: null, before: null },
        between: null,
        deletedPrefix: 'DELETED',
        mailOnly: false,
      },
      what: new Set(WHAT),
      naming: { mailbox: undefined, into: [], keepsDeleted: false, deletedPrefix: 'DELETED' },
      open(userid) {
        expect(userid, 'from the names of the mailboxes').to.equal('anne');
        opened += 1;
        if (isUnreachable()) return Promise.reject(new BackupError('closed', 'nobody answers'));
        return Promise.resolve(destination);
      },
      onStart: () => undefined,
      onMailbox: () => undefined,
    });
  }

  const closed = new BackupError('closed', 'the connection was closed');

  it('INBOX comes first, then the others by name', async () => {
    await restore(() => undefined);
    expect(done).to.deep.equal(['user.anne', 'user.anne.Private', 'user.anne.Work']);
    expect(opened).to.equal(1);
  });

  it('a mailbox that is refused is named, and the rest goes on', async () => {
    const user = await restore((name) =>
      name === 'user.anne' ? new BackupError('io', 'refused') : undefined,
    );
    expect(done).to.deep.equal(['user.anne.Private', 'user.anne.Work']);
    expect(user.mailboxes.map(({ failures }) => failures)).to.deep.equal([['refused'], [], []]);
  });

  it('where the connection breaks, the same mailbox is tried again over a new one', async () => {
    const user = await restore((name, attempt) =>
      name === 'user.anne.Private' && attempt === 1 ? closed : undefined,
    );
    expect(done).to.have.lengthOf(3);
    expect(opened).to.equal(2);
    expect(user.mailboxes.flatMap(({ failures }) => failures)).to.deep.equal([]);
  });

  it('a mailbox that breaks every connection is given up, and the rest goes on', async () => {
    const user = await restore((name) => (name === 'user.anne' ? closed : undefined));
    expect(done).to.deep.equal(['user.anne.Private', 'user.anne.Work']);
    expect(user.mailboxes[0]?.failures).to.deep.equal(['the connection was closed']);
    expect(opened).to.be.below(5);
  });

  it('what each try added counts once, and what any of them could not carry is told', async () => {
    const user = await restore(
      (name, attempt) => (name === 'user.anne' && attempt === 1 ? closed : undefined),
      (outcome, attempt) => {
        Object.assign(outcome, { added: 2, skipped: 2 * (attempt - 1) });
        outcome.failures.push('flag $x left off (UID 1)', `UID ${attempt}: damaged`);
      },
    );
    expect(user.mailboxes[0]).to.include({ added: 4, skipped: 0 });
    expect(user.mailboxes[0]?.failures).to.deep.equal([
      'flag $x left off (UID 1)',
      'UID 1: damaged',
      'UID 2: damaged',
    ]);
  });

  it('where the server is gone for good, what was not tried is said so', async () => {
    let isGone = false;
    const user = await restore(
      (name) => {
        if (name === 'user.anne.Private') isGone = true;
        return isGone ? closed : undefined;
      },
      undefined,
      () => isGone,
    );
    expect(user.mailboxes.map(({ target }) => target)).to.deep.equal(['user.anne', 'user.anne.Private']);
    expect(user.failures).to.deep.equal(['nobody answers: 2 of the mailboxes not restored, nor settings']);
  });
});
