import { expect } from 'chai';
import { copyFileSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Backup } from '../../../src/backup/backup.ts';
import { indexPath } from '../../../src/backup/options.ts';
import { item } from '../../../src/index/queries/items.ts';
import { checkpointElsewhere } from '../../../src/index/checkpoint/checkpointer.ts';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import { BackupSite, START, line } from '../../support/backups.ts';

describe('a checkpoint in another thread', () => {
  let site: BackupSite;
  let calls: string[];

  beforeEach(() => {
    site = new BackupSite();
    calls = [];
  });
  afterEach(() => site.remove());

  async function open(): Promise<Backup> {
    const checkpoint = async (path: string): Promise<void> => {
      calls.push(path);
      await checkpointElsewhere(path);
    };
    return Backup.open('anne', site.path(), { ...site.options, checkpoint }, () => undefined);
  }

  /** Opens the index without its write-ahead log. */
  function withoutLog(): IndexFile {
    const copy = join(site.folder, 'copy.index');
    copyFileSync(indexPath(site.path()), copy);
    return IndexFile.open(copy, 'read')!;
  }

  const subscribe = (backup: Backup, number: number): Promise<void> =>
    backup.append(line(START + number, 'SUB', `%(USERID anne MBOXNAME user.m${number})`));

  it('follows some thousand statements, and the log starts afresh', async () => {
    const backup = await open();
    let number = 0;
    for (; calls.length === 0; number += 1) await subscribe(backup, number + 1);
    expect(number).to.be.greaterThan(100);
    const copy = withoutLog();
    expect(item(copy, 'sub', `user.m${number}`)?.key).to.equal(`user.m${number}`);
    copy.close();
    const { size } = statSync(`${indexPath(backup.path)}-wal`);
    for (const end = number + 50; number < end;) await subscribe(backup, (number += 1));
    expect(statSync(`${indexPath(backup.path)}-wal`).size).to.equal(size);
    await backup.close();
  });

  it('comes before the index is closed, but only where much was written', async () => {
    const backup = await open();
    for (let number = 1; number <= 100; number += 1) await subscribe(backup, number);
    await backup.close();
    expect(calls).to.have.length(1);
    expect(existsSync(`${indexPath(backup.path)}-wal`)).to.equal(false);
    const again = await open();
    await subscribe(again, 101);
    await again.close();
    expect(calls).to.have.length(1);
  });

  it('leaves to a reader the state that it holds', async () => {
    const backup = await open();
    await subscribe(backup, 1);
    const reader = IndexFile.open(indexPath(backup.path), 'read')!;
    const release = reader.holdSnapshot();
    await subscribe(backup, 2);
    await checkpointElsewhere(indexPath(backup.path));
    expect(item(reader, 'sub', 'user.m2')).to.equal(undefined);
    release();
    expect(item(reader, 'sub', 'user.m2')?.key).to.equal('user.m2');
    reader.close();
    await backup.close();
  });

  it('of a file that is none, or is gone, fails silently, and the next one is made', async () => {
    const none = join(site.folder, 'none');
    writeFileSync(none, 'x'.repeat(10_000));
    const backup = await open();
    await subscribe(backup, 1);
    await Promise.all([none, join(site.folder, 'gone'), indexPath(backup.path)].map(checkpointElsewhere));
    const copy = withoutLog();
    expect(item(copy, 'sub', 'user.m1')?.key).to.equal('user.m1');
    copy.close();
    await backup.close();
  });
});
