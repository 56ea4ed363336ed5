import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compact } from '../../server/commandSite.ts';
import { BackupSite, START, line } from '../../support/backups.ts';

describe('small backups compacted one after another in one process', () => {
  it('each find the temp tables of the one before, which share its connection, and are rewritten', async () => {
    const site = new BackupSite();
    try {
      for (const userid of ['anne', 'bob', 'carl']) {
        const backup = await site.open(site.path(userid));
        for (const count of [1, 2, 3])
          await backup.append(line(START + count, 'SUB', `%(USERID ${userid} MBOXNAME user.${userid})`));
        await site.close(backup);
      }
      for (const userid of ['anne', 'bob', 'carl', 'anne']) {
        expect(await compact(site.path(userid), START + 2)).to.equal('done');
        expect(readFileSync(site.path(userid)).length).to.be.greaterThan(0);
      }
    } finally {
      await site.remove();
    }
  });
});
