import { expect } from 'chai';
import { copyFileSync, renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Handles } from '../../../../mount/tree/backup/handles.ts';
import { BackupSite, START, appendMailbox } from '../../../support/backups.ts';

describe('the backups that the tree has open', () => {
  it('are the same until the next request, whatever takes their names: a place in one index is none in another', async () => {
    const site = new BackupSite();
    const handles = new Handles();
    try {
      const backup = await site.open();
      const records = [{ uid: 1, message: Buffer.from('one') }];
      await appendMailbox(site, backup, START, { uniqueid: 'u1', name: 'user.anne', records });
      await site.close(backup);
      const { path } = backup;
      handles.begin();
      const reader = handles.reader(path);
      for (const name of [path, `${path}.index`]) {
        copyFileSync(name, `${name}.other`);
        renameSync(`${name}.other`, name);
      }
      await sleep(1100);
      expect(handles.reader(path)).to.equal(reader);
      handles.begin();
      expect(handles.reader(path)).to.not.equal(reader);
    } finally {
      handles.close();
      await site.remove();
    }
  });
});
