/** Mailboxes that are easily forgotten: gone for good, or without mail; and what a destination has no form for, told. */
import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FilesDestination } from '../../src/restore/files/filesDestination.ts';
import { maildirFormat } from '../../src/restore/files/maildir/maildir.ts';
import { WHAT } from '../../src/restore/cyrus/job.ts';
import type { What } from '../../src/restore/cyrus/job.ts';
import type { UserOutcome } from '../../src/restore/report/outcome.ts';
import { restoreUser } from '../../src/restore/restoreUser.ts';
import type { UserRestore } from '../../src/restore/restoreUser.ts';
import { BackupSite, START, appendMailbox, guidOf, line, mailboxLine } from '../support/backups.ts';

const ACL = 'ACL "anne\tlrswipkxtecdan\tbethany\tlr\t"';
const text = (name: string): Buffer => Buffer.from(`Subject: ${name}\r\n\r\n${name}\r\n`);

describe('what a restore could leave out in silence', () => {
  let site: BackupSite;

  beforeEach(async () => {
    site = new BackupSite();
    const backup = await site.open();
    const mailboxes: [string, string][] = [
      ['user.anne', ''],
      ['user.anne.Old', ''],
      ['user.anne.#calendars.Default', 'MBOXTYPE c'],
      ['user.anne.Contacts', 'MBOXTYPE a'],
    ];
    for (const [index, [name, type]] of mailboxes.entries()) {
      await appendMailbox(site, backup, START + index, {
        uniqueid: `${'u'.repeat(23)}${index}`,
        name,
        extra: `${ACL} ${type}`.trim(),
        records: [{ uid: 1, message: text(name) }],
      });
    }
    const noBytes = { uid: 1, message: 'never uploaded' };
    await backup.append(
      mailboxLine(START + 5, { uniqueid: 'v', name: 'user.anne.Lost', records: [noBytes] }),
      [],
    );
    await backup.append(line(START + 10, 'UNMAILBOX', 'user.anne.Old'), []);
    await appendMailbox(site, backup, START + 20, {
      uniqueid: `${'u'.repeat(23)}1`,
      name: 'user.anne.Old',
      records: [],
    });
    await backup.append(line(START + 30, 'UNMAILBOX', 'user.anne.Old'), []);
    await backup.append(line(START + 31, 'QUOTA', '%(ROOT user.anne STORAGE 1000)'), []);
    await site.close(backup);
  });

  afterEach(() => site.remove());

  function restore(
    selection: Partial<UserRestore['selection']>,
    {
      time = null,
      isPlan = true,
      make = FilesDestination,
    }: { time?: number | null; isPlan?: boolean; make?: typeof FilesDestination } = {},
  ): Promise<UserOutcome> {
    const options = {
      isPlan,
      existing: 'skip' as const,
      what: new Set(WHAT),
      deletedPrefix: 'DELETED',
      onProgress: () => undefined,
    };
    return restoreUser({
      userid: 'anne',
      path: site.path(),
      time,
      selection: {
        objects: [],
        isRecursive: false,
        withDeleted: false,
        expunged: 'without',
        filter: { uids: null, from: null, subject: null, since: null, before: null },
        between: null,
        deletedPrefix: 'DELETED',
        mailOnly: true,
        ...selection,
      },
      what: new Set(WHAT),
      naming: { mailbox: undefined, into: [], keepsDeleted: false, deletedPrefix: 'DELETED' },
      open: (user) => Promise.resolve(new make(maildirFormat(join(site.folder, 'to')), user, options)),
      onStart: () => undefined,
      onMailbox: () => undefined,
    });
  }

  const names = (user: UserOutcome): string[] => user.mailboxes.map(({ source }) => source);

  it('--deleted brings back a mailbox that went by UNMAILBOX, as it was at its end', async () => {
    expect(names(await restore({}))).to.deep.equal(['user.anne', 'user.anne.Lost']);
    expect(names(await restore({ withDeleted: true }))).to.deep.equal([
      'user.anne',
      'user.anne.Lost',
      'user.anne.Old',
    ]);
  });

  it('--deleted with --at brings it back with the messages that it had when it went the first time', async () => {
    const user = await restore({ withDeleted: true }, { time: START + 15 });
    const old = user.mailboxes.find(({ source }) => source === 'user.anne.Old');
    expect(old?.added).to.equal(1);
    expect(names(await restore({ withDeleted: true }, { time: START + 5 }))).to.include('user.anne.Old');
  });

  it('calendars and address books, by name or by type, are left out of files and told, unless they are asked for', async () => {
    const user = await restore({});
    expect(user.notes[0]).to.equal(
      '2 mailboxes without mail left out (--all-types restores them): user.anne.#calendars.Default, user.anne.Contacts',
    );
    expect(names(await restore({ mailOnly: false }))).to.include.members([
      'user.anne.#calendars.Default',
      'user.anne.Contacts',
    ]);
    const named = await restore({ objects: ['user.anne.#calendars*', `${'u'.repeat(23)}3`] });
    expect(names(named)).to.deep.equal(['user.anne.#calendars.Default', 'user.anne.Contacts']);
    const message = await restore({ objects: [guidOf(text('user.anne.Contacts'))] });
    expect(names(message)).to.deep.equal(['user.anne.Contacts']);
  });

  it('a plan counts a message whose bytes are missing as failed, as the restore will', async () => {
    const plan = await restore({ objects: ['Lost'] });
    const done = await restore({ objects: ['Lost'] }, { isPlan: false });
    for (const user of [plan, done]) {
      expect(user.mailboxes[0]).to.include({ added: 0 });
      expect(user.mailboxes[0]?.failures[0]).to.match(
        new RegExp(`^UID 1 \\(${guidOf('never uploaded')}\\): `),
      );
    }
    expect(existsSync(join(site.folder, 'to'))).to.equal(true);
  });

  it('settings that the destination has no form for are told in one line', async () => {
    class MailOnly extends FilesDestination {
      override readonly carries: ReadonlySet<What> = new Set(['mail']);
    }
    const user = await restore({}, { make: MailOnly });
    expect(user.notes.at(-1)).to.equal(
      'not carried by this destination: 1 ACL that gives rights to others, 1 quota limit',
    );
  });

  it('files carry ACLs, annotations of mailboxes and the quota', async () => {
    const user = await restore({}, { isPlan: false });
    expect(user.notes.join()).to.not.contain('not carried');
    const folder = join(site.folder, 'to', 'anne');
    expect(readFileSync(join(folder, 'cyrus-backups-items'), 'latin1')).to.match(/^QUOTA %\(/);
    const marker = readFileSync(join(folder, 'cyrus-backups-mailbox'), 'utf8');
    expect((JSON.parse(marker) as { state: string }).state).to.contain('ACL ');
  });
});
