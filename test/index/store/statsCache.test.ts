import { expect } from 'chai';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StatsCache, identityOf } from '../../../src/index/store/statsCache.ts';
import type { BackupStats } from '../../../src/index/store/statsCache.ts';

describe('figures.db', () => {
  const folder = mkdtempSync(join(tmpdir(), 'figures-'));
  const backupsDb = join(folder, 'backups.db');
  const path = join(folder, 'figures.db');
  const figures: BackupStats = {
    lastStart: 1,
    lastEnd: 2,
    uncompressedBytes: 3,
    missingCount: 0,
    needed: { bytes: 4, since: 5, firstExpunged: null },
  };

  beforeEach(() => {
    rmSync(path, { force: true });
    writeFileSync(backupsDb, '');
  });

  after(() => rmSync(folder, { recursive: true }));

  function remember(identity: string, what: BackupStats = figures): void {
    const file = StatsCache.open(backupsDb);
    file?.put('/a', identity, what);
    file?.close();
  }

  function found(identity: string): BackupStats | null {
    const file = StatsCache.open(backupsDb);
    const answer = file?.find('/a', identity) ?? null;
    file?.close();
    return answer;
  }

  it('tells what was put, for the same content of the data file alone', () => {
    remember('one');
    expect(found('one')).to.deep.equal(figures);
    expect(found('two')).to.equal(null);
    remember('two', { ...figures, needed: null });
    expect(found('two')).to.deep.equal({ ...figures, needed: null });
  });

  it('is readable by its owner alone', () => {
    remember('one');
    expect(statSync(path).mode % 0o1000).to.equal(0o600);
  });

  it('is made anew where it is garbage', () => {
    writeFileSync(path, 'garbage '.repeat(1000));
    remember('one');
    expect(found('one')).to.deep.equal(figures);
  });

  it('is done without where it cannot be', () => {
    expect(StatsCache.open(join(folder, 'nowhere/backups.db'))).to.equal(null);
  });

  it('knows another content by inode, size or time', () => {
    const first = statSync(backupsDb);
    chmodSync(backupsDb, 0o600);
    expect(identityOf(statSync(backupsDb))).to.equal(identityOf(first));
    writeFileSync(backupsDb, 'more');
    expect(identityOf(statSync(backupsDb))).not.to.equal(identityOf(first));
  });
});
