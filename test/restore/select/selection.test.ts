/** What of a backup is meant by names, patterns, uniqueids and GUIDs, over a backup on disk. */
import { expect } from 'chai';
import type { Backup } from '../../../src/backup/backup.ts';
import { select } from '../../../src/restore/select/selection.ts';
import type { SelectionOptions } from '../../../src/restore/select/selection.ts';
import { RestoreSource } from '../../../src/restore/source.ts';
import { BackupSite, START, appendMailbox, guidOf } from '../../support/backups.ts';

const [first, second] = [Buffer.from('Subject: first\r\n\r\n1'), Buffer.from('Subject: second\r\n\r\n2')];
const OPTIONS: SelectionOptions = {
  objects: [],
  isRecursive: false,
  withDeleted: false,
  expunged: 'without',
  filter: { uids: null, from: null, subject: null, since: null, before: null },
  between: null,
  deletedPrefix: 'DELETED',
  mailOnly: false,
};

describe('selecting from a backup', () => {
  let site: BackupSite;
  let backup: Backup;
  let source: RestoreSource;

  before(async () => {
    site = new BackupSite();
    backup = await site.open();
    const names = [
      'user.anne',
      'user.anne.Work',
      'user.anne.Work.2024',
      'user.anne.Worker',
      'DELETED.user.anne.Gone.6921F0A2',
    ];
    for (const [index, name] of names.entries()) {
      await appendMailbox(site, backup, START + index, {
        uniqueid: `${'u'.repeat(23)}${index}`,
        name,
        records: [
          { uid: 1, message: first },
          { uid: 2, message: second, flags: index === 0 ? '\\Expunged' : '' },
        ],
      });
    }
    await site.close(backup);
    source = new RestoreSource('anne', site.path(), null);
  });

  after(async () => {
    source.close();
    await site.remove();
  });

  const names = (options: Partial<SelectionOptions>): string[] =>
    select(source, { ...OPTIONS, ...options }).mailboxes.map(({ mailbox }) => mailbox.name);
  const uids = (options: Partial<SelectionOptions>): number[] =>
    select(source, { ...OPTIONS, ...options }).mailboxes.flatMap((each) =>
      [...each.records()].map(({ uid }) => uid),
    );

  it('everything is what lives, with deleted ones only where they are asked for', () => {
    expect(names({})).to.deep.equal([
      'user.anne',
      'user.anne.Work',
      'user.anne.Work.2024',
      'user.anne.Worker',
    ]);
    expect(names({ withDeleted: true })).to.include('DELETED.user.anne.Gone.6921F0A2');
  });

  it('names are whole or below the user, patterns stay in their level or do not', () => {
    expect(names({ objects: ['user.anne.Work'] })).to.deep.equal(['user.anne.Work']);
    expect(names({ objects: ['Work'], isRecursive: true })).to.deep.equal([
      'user.anne.Work',
      'user.anne.Work.2024',
    ]);
    expect(names({ objects: ['INBOX'] })).to.deep.equal(['user.anne']);
    expect(names({ objects: ['Work%'] })).to.deep.equal(['user.anne.Work', 'user.anne.Worker']);
    expect(names({ objects: ['Work*'] })).to.deep.equal([
      'user.anne.Work',
      'user.anne.Work.2024',
      'user.anne.Worker',
    ]);
    expect(names({ objects: [`${'u'.repeat(23)}3`] })).to.deep.equal(['user.anne.Worker']);
  });

  it('a name that nothing living has is a deleted one; what is nowhere is said so', () => {
    expect(names({ objects: ['Gone'] })).to.deep.equal(['DELETED.user.anne.Gone.6921F0A2']);
    expect(select(source, { ...OPTIONS, objects: ['Nowhere', 'f'.repeat(40)] }).missing).to.deep.equal([
      'Nowhere',
      'f'.repeat(40),
    ]);
  });

  it('a message by GUID comes from every living mailbox that has or had it, expunged or not', () => {
    const chosen = select(source, { ...OPTIONS, objects: [guidOf(second)] }).mailboxes;
    expect(chosen.map(({ mailbox }) => mailbox.name))
      .to.have.lengthOf(4)
      .and.include('user.anne');
    expect(chosen.every(({ isWhole }) => !isWhole)).to.equal(true);
    expect([...(chosen[0]?.records() ?? [])].map(({ uid }) => uid)).to.deep.equal([2]);
  });

  it('messages by what they are: expunged, UID, subject, date', () => {
    const objects = ['INBOX'];
    expect(uids({ objects })).to.deep.equal([1]);
    expect(uids({ objects, expunged: 'with' })).to.deep.equal([1, 2]);
    expect(uids({ objects, expunged: 'only' })).to.deep.equal([2]);
    const filter = OPTIONS.filter;
    expect(uids({ objects: ['Work'], filter: { ...filter, uids: new Set([2]) } })).to.deep.equal([2]);
    expect(uids({ objects: ['Work'], filter: { ...filter, subject: 'FIRST' } })).to.deep.equal([1]);
    expect(uids({ objects: ['Work'], filter: { ...filter, since: START + 2 } })).to.deep.equal([2]);
    expect(uids({ objects: ['Work'], filter: { ...filter, before: START + 2 } })).to.deep.equal([1]);
  });

  it('a mailbox of which a part is meant cannot be made exactly as it was', () => {
    const isWhole = (options: Partial<SelectionOptions>): boolean | undefined =>
      select(source, { ...OPTIONS, objects: ['INBOX'], ...options }).mailboxes[0]?.isWhole;
    expect(isWhole({})).to.equal(true);
    expect(isWhole({ expunged: 'with' })).to.equal(false);
    expect(isWhole({ filter: { ...OPTIONS.filter, since: 0 } })).to.equal(false);
  });
});
