import { expect } from 'chai';
import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backup } from '../../../src/backup/backup.ts';
import { Catalog } from '../../../src/catalog/catalog.ts';
import type { CatalogOptions } from '../../../src/catalog/catalog.ts';
import type { Invalidator, KnownFolder } from '../../../mount/vfs/tree.ts';
import { StoreChanges } from '../../../mount/invalidation/changes.ts';
import { BackupSite, bytesOf, line, mailboxLine } from '../../support/backups.ts';
import { waitUntil } from '../../support/machine.ts';

/** As masters say it, and so backupd logs it. */
const now = (): number => Math.floor(Date.now() / 1000);

const USER = 1;
const ARCHIVE = 2;
const INBOX = 3;
/** By then the tree is known to have noticed what took the place of what. */
const QUIET_MS = 1600;

describe('changes of the store', function () {
  this.timeout(30_000);

  let site: BackupSite;
  let options: CatalogOptions;
  let catalog: Catalog;
  let anne: Backup;
  let changes: StoreChanges;
  let told: string[];
  let logged: string[];

  const invalidator: Invalidator = {
    async folder(number, withList) {
      told.push(`folder ${number}${withList ? ' with its list' : ''}`);
    },
    async child(number, child) {
      told.push(`child ${child} of ${number}`);
    },
    async name(parent, name) {
      told.push(`name ${name.toString()} in ${parent}`);
    },
  };

  beforeEach(async () => {
    [told, logged] = [[], []];
    site = new BackupSite();
    const partitions = new Map([['default', join(site.folder, 'partition')]]);
    const choice = { mode: 'freespace-most' as const, exclude: [], softUsageLimitPercent: 0, usageReinit: 0 };
    options = { databasePath: join(site.folder, 'backups.db'), fullDirHash: false, partitions, ...choice };
    catalog = Catalog.open(options);
    anne = await site.open(catalog.create('anne'));
    await append('Archive', 3);
    await append('INBOX', 2);
    changes = new StoreChanges({ ...options, readOnly: true }, 'DELETED', invalidator, (text) =>
      logged.push(text),
    );
  });

  afterEach(async () => {
    await changes.close();
    catalog.close();
    await site.remove();
    expect(logged).to.deep.equal([]);
  });

  const mailboxName = (path: string): string => (path === 'INBOX' ? 'user.anne' : `user.anne.${path}`);

  /** The mailbox then has so many messages. */
  async function append(path: string, count: number, uniqueid = `u-${path}`): Promise<void> {
    const records = Array.from({ length: count }, (_, at) => ({ uid: at + 1, message: bytesOf(at, 100) }));
    const fields = { uniqueid, name: mailboxName(path), records };
    await anne.append(mailboxLine(now(), fields), [
      await site.segment(...records.map(({ message }) => message)),
    ]);
  }

  function known(number: number, path: string, identity = `u-${path} 17`): KnownFolder {
    const name = path === '' ? 'anne' : path;
    const parent = path === '' ? 0 : USER;
    return { number, parent, shown: { userid: 'anne', dataFile: anne.path, path, name, identity } };
  }

  /** As the kernel may know them long after the last change. */
  async function remember(...folders: KnownFolder[]): Promise<void> {
    changes.remember(folders, Date.now() + 60_000);
    await sleep(50);
    expect(told).to.deep.equal([]);
  }

  async function tells(...wanted: string[]): Promise<void> {
    await waitUntil(() => wanted.every((each) => told.includes(each)), {
      what: () => `told: ${told.join(', ')}`,
    });
  }

  const expunge = async (path: string, ...uids: number[]): Promise<void> =>
    anne.append(
      line(now(), 'EXPUNGE', `%(MBOXNAME ${mailboxName(path)} UNIQUEID u-${path} UID (${uids.join(' ')}))`),
    );

  it('tell of nothing where nothing is known, or all of it is forgotten again', async () => {
    await remember(known(USER, ''), known(ARCHIVE, 'Archive', 'u-Archive 17'));
    changes.forget([USER, ARCHIVE, 77]);
    await append('Archive', 4);
    await sleep(100);
    expect(told).to.deep.equal([]);
  });

  it('tell of new mail its folder and the user, and no other folder', async () => {
    await remember(known(USER, ''), known(ARCHIVE, 'Archive'), known(INBOX, 'INBOX'));
    await append('Archive', 4);
    await tells(`folder ${USER} with its list`, `folder ${ARCHIVE}`, `folder ${INBOX}`);
    // The first looks cannot know whether the other has changed, and what files the tree has.
    await sleep(QUIET_MS);
    told = [];
    await append('Archive', 5);
    await sleep(QUIET_MS);
    expect([...new Set(told)].toSorted()).to.deep.equal([
      `folder ${USER} with its list`,
      `folder ${ARCHIVE}`,
    ]);
  });

  it('tell of the folder of a user of whom only a folder in it was said to be known, until that is forgotten', async () => {
    await remember(known(ARCHIVE, 'Archive'));
    await append('Archive', 4);
    await tells(`folder ${USER} with its list`, `folder ${ARCHIVE}`);
    changes.forget([ARCHIVE]);
    await sleep(QUIET_MS);
    told = [];
    await append('Archive', 5);
    await sleep(100);
    expect(told).to.deep.equal([]);
  });

  it('tell of expunged messages their names, once when all is settled', async () => {
    await remember(known(ARCHIVE, 'Archive'));
    await expunge('Archive', 2);
    await tells(`name 2.eml in ${ARCHIVE}`, `folder ${ARCHIVE}`);
    await sleep(QUIET_MS);
    told = [];
    await expunge('Archive', 1, 3);
    await tells(`name 1.eml in ${ARCHIVE}`, `name 3.eml in ${ARCHIVE}`, `folder ${ARCHIVE}`);
    expect(told).to.not.include(`name 2.eml in ${ARCHIVE}`);
    // After the name: whoever has it open is to see that it has none.
    const ofMessages = told.filter((each) => !each.startsWith('folder'));
    expect(ofMessages).to.include.ordered.members([`name 1.eml in ${ARCHIVE}`, `child 1 of ${ARCHIVE}`]);
  });

  it('tell of messages with other flags, and not of new ones', async () => {
    await remember(known(ARCHIVE, 'Archive'));
    await sleep(1100);
    const records = [2, 4].map((uid) => ({
      uid,
      modseq: 99,
      flags: '\\Seen',
      message: bytesOf(uid - 1, 100),
    }));
    const fields = { uniqueid: 'u-Archive', name: mailboxName('Archive'), modseq: 99, records };
    await anne.append(mailboxLine(now(), fields), [await site.segment(bytesOf(3, 100))]);
    await tells(`child 2 of ${ARCHIVE}`, `folder ${ARCHIVE}`);
    expect(told.filter((each) => each.startsWith('child')))
      .to.include(`child 2 of ${ARCHIVE}`)
      .and.not.include(`child 4 of ${ARCHIVE}`);
  });

  it('tell of a folder that is gone, and of another in its place, the name', async () => {
    await remember(known(USER, ''), known(ARCHIVE, 'Archive'), known(INBOX, 'INBOX'));
    await anne.append(line(now(), 'UNMAILBOX', 'user.anne.Archive'));
    await tells(`name Archive in ${USER}`, `folder ${USER} with its list`);
    await append('INBOX', 1, 'another');
    await tells(`name INBOX in ${USER}`);
  });

  it('tell of a folder that has lost one its list', async () => {
    await append('Archive.2024', 1);
    await append('Archive.2025', 1);
    await remember(known(ARCHIVE, 'Archive'));
    await anne.append(line(now(), 'UNMAILBOX', 'user.anne.Archive.2024'));
    await tells(`folder ${ARCHIVE} with its list`);
    await sleep(QUIET_MS);
    told = [];
    await anne.append(line(now(), 'UNMAILBOX', 'user.anne.Archive.2025'));
    await tells(`folder ${ARCHIVE} with its list`);
  });

  it('that came just before a folder was known are told', async () => {
    changes.remember([known(ARCHIVE, 'Archive')], Date.now());
    await tells(`folder ${ARCHIVE}`);
  });

  it('tell of users who come and go', async () => {
    await remember(known(USER, ''));
    catalog.create('bethany');
    await tells('folder 0');
    expect(told).to.not.include('name anne in 0');
    catalog.remove('anne');
    await tells('name anne in 0');
  });

  it('tell of the one user of many who goes', async () => {
    const many = Array.from({ length: 300 }, (_, at) => `user${at}`);
    const pathOf = (userid: string): string => join(site.folder, 'partition/u', `${userid}_ABCDEF`);
    catalog.transaction(() => {
      for (const userid of many) catalog.set(userid, pathOf(userid));
    });
    await sleep(100);
    told = [];
    await remember(
      ...many.map((userid, at) => {
        const shown = { userid, dataFile: pathOf(userid), path: '', name: userid, identity: '' };
        return { number: at + 10, parent: 0, shown };
      }),
    );
    catalog.remove('user77');
    await tells('name user77 in 0');
    expect(told.filter((each) => each.startsWith('name'))).to.have.length(1);
  });

  it('are told from where the user’s files were moved to, again when the tree has noticed', async () => {
    await remember(known(ARCHIVE, 'Archive'));
    const path = join(site.folder, 'partition/m/moved_ABCDEF');
    mkdirSync(dirname(path), { recursive: true });
    await site.close(anne);
    for (const suffix of ['', '.index']) renameSync(anne.path + suffix, path + suffix);
    catalog.set('anne', path);
    await tells(`folder ${ARCHIVE}`);
    told = [];
    await tells(`folder ${ARCHIVE}`);
    anne = await site.open(path);
    await expunge('Archive', 1);
    await tells(`name 1.eml in ${ARCHIVE}`);
  });

  it('that come by the thousand cost a bounded number of looks', async () => {
    await remember(known(USER, ''), known(ARCHIVE, 'Archive'));
    const startMs = performance.now();
    for (let count = 0; count < 300; count++) await append('Archive', 3 + (count % 2));
    const looks = told.filter((each) => each === `folder ${USER} with its list`).length;
    // One each 50 ms, and what comes before the first pause.
    expect(looks).to.be.within(1, (performance.now() - startMs) / 50 + 2);
  });
});
