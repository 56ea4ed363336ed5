import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BACKUPD_PRIORITY, whileLocked } from '../../src/backup/lockPriority.ts';
import { actsAsOther, asOwnerOf, ownIds, withOwnRights } from '../../src/fs/actAsOwner.ts';
import { skipLoudly } from '../support/skip.ts';

const OWNER = { uid: 5, gid: 60 };

describe('root’s work on somebody’s store', () => {
  let store: string;
  let secret: string;

  before(function () {
    if (process.getuid?.() !== 0) skipLoudly(this, 'root');
  });

  beforeEach(() => {
    store = mkdtempSync(join(tmpdir(), 'store-'));
    secret = join(store, '..', `secret-${process.pid}`);
    writeFileSync(secret, 'of root', { mode: 0o600 });
    chownSync(store, OWNER.uid, OWNER.gid);
  });

  afterEach(() => {
    rmSync(store, { recursive: true, force: true });
    rmSync(secret, { force: true });
  });

  const ids = (): unknown => [process.geteuid?.(), process.getegid?.(), process.getgroups?.()];

  it('is done as the owner, who can read nothing of root’s, and root is root again, also after an error', async () => {
    const before = ids();
    await asOwnerOf([store], async () => {
      expect([process.geteuid?.(), process.getegid?.()]).to.deep.equal([OWNER.uid, OWNER.gid]);
      expect(process.getgroups?.()).to.not.include(0);
      expect(() => readFileSync(secret)).to.throw(/EACCES/);
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(process.geteuid?.()).to.equal(OWNER.uid);
      expect(withOwnRights(() => readFileSync(secret, 'utf8'))).to.equal('of root');
      expect(process.geteuid?.()).to.equal(OWNER.uid);
      const child = spawnSync('sh', ['-c', 'id -u; id -ru'], { ...ownIds(), encoding: 'utf8' });
      expect(child.stdout).to.equal('0\n0\n');
    });
    expect(ids()).to.deep.equal(before);
    const failed = await asOwnerOf([store], () => Promise.reject(new Error('broken'))).catch(String);
    expect(failed).to.equal('Error: broken');
    expect(ids()).to.deep.equal(before);
    expect(ownIds()).to.deep.equal({});
  });

  it('is done as root where all is root’s, and never so because of a link or a file that the owner chose', async () => {
    const link = join(store, 'backups.db');
    symlinkSync(secret, link);
    expect(actsAsOther([store, link])).to.equal(true);
    expect(actsAsOther([secret])).to.equal(false);
    await asOwnerOf([secret], async () => {
      expect(process.geteuid?.()).to.equal(0);
      await Promise.resolve();
    });
  });

  it('still has backupd’s priority while a writer waits for it, and the old one afterwards', async () => {
    const path = join(store, 'data');
    writeFileSync(path, '');
    chmodSync(path, 0o600);
    chownSync(path, OWNER.uid, OWNER.gid);
    const usual = getPriority();
    await asOwnerOf([store], () =>
      whileLocked(path, {}, async () => {
        expect(getPriority()).to.equal(Math.min(usual, BACKUPD_PRIORITY));
        expect(process.geteuid?.()).to.equal(OWNER.uid);
        await Promise.resolve();
      }),
    );
    expect(getPriority()).to.equal(usual);
  });
});
