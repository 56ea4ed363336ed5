import { expect } from 'chai';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from '../../../../src/catalog/catalog.ts';
import { Twoskip } from '../../../../src/catalog/twoskip/database.ts';
import { BackupError } from '../../../../src/errors.ts';
import { Handles } from '../../../../mount/tree/backup/handles.ts';
import { UserBackup } from '../../../../mount/tree/backup/userBackup.ts';
import { Users } from '../../../../mount/tree/users/users.ts';
import { BackupSite } from '../../../support/backups.ts';

describe('the users at the top of the mount', () => {
  let site: BackupSite;
  let catalog: Catalog;
  let users: Users;

  beforeEach(() => {
    site = new BackupSite();
    const partition = join(site.folder, 'partition');
    mkdirSync(partition);
    const choice = { mode: 'freespace-most' as const, exclude: [], softUsageLimitPercent: 0, usageReinit: 0 };
    const databasePath = join(site.folder, 'backups.db');
    catalog = Catalog.open({
      databasePath,
      fullDirHash: false,
      partitions: new Map([['default', partition]]),
      ...choice,
    });
    for (const userid of ['bob', 'carl', 'dora', 'hidden']) catalog.set(userid, pathOf(userid));
    users = new Users(catalog, databasePath, (userid) => userid !== 'hidden');
  });

  afterEach(async () => {
    catalog.close();
    await site.remove();
  });

  const pathOf = (name: string): string => join(site.folder, 'partition/a', `${name}_ABCDEF`);

  const from = (first: number): string[] => [...users.from(first)].map(({ userid }) => userid);

  it('have steady places: who reads their list meets nobody twice and misses nobody, while they come and go', () => {
    users.refresh();
    const [bob, carl] = [...users.from(0)];
    expect([bob?.userid, carl?.userid]).to.deep.equal(['bob', 'carl']);
    catalog.set('anne', pathOf('anne'));
    catalog.remove('bob');
    users.refresh();
    expect(from((carl?.place ?? 0) + 1)).to.deep.equal(['dora', 'anne']);
    expect(from(0)).to.deep.equal(['carl', 'dora', 'anne']);
    catalog.set('bob', pathOf('bob2'));
    users.refresh();
    expect([...users.from(0)][0]).to.deep.equal({ userid: 'bob', path: pathOf('bob2'), place: bob?.place });
    expect(users.count()).to.equal(4);
  });

  it('are found as they are at the moment, whenever they were listed last', () => {
    expect(users.find('carl')).to.equal(pathOf('carl'));
    users.refresh();
    catalog.set('carl', pathOf('moved'));
    catalog.remove('bob');
    catalog.set('anne', pathOf('anne'));
    const found = ['anne', 'bob', 'carl', 'hidden', '../x'].map((userid) => users.find(userid));
    expect(found).to.deep.equal([pathOf('anne'), null, pathOf('moved'), null, null]);
    users.refresh();
    const again = ['anne', 'bob', 'carl', 'hidden', '../x'].map((userid) => users.find(userid));
    expect(again).to.deep.equal(found);
  });

  it('are not followed out of the partitions: such a user is there, and all of the mail an error', () => {
    const victim = join(site.folder, 'victim_ABCDEF');
    const database = Twoskip.open(join(site.folder, 'backups.db'));
    database.put('bob', victim);
    database.put('../x', victim);
    database.close();
    users.refresh();
    expect(from(0)).to.deep.equal(['bob', 'carl', 'dora']);
    const handles = new Handles();
    const [owner, path] = [
      { uid: 0, gid: 0, folderMode: 0o700, fileMode: 0o600 },
      users.find('bob') as string,
    ];
    const bob = new UserBackup('bob', path, owner, catalog, handles);
    expect(() => bob.reader()).to.throw(
      BackupError,
      'victim_ABCDEF is no data file of a configured partition',
    );
    handles.close();
  });
});
