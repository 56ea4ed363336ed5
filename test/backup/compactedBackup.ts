/** A made-up backup in a folder of its own that is compacted, and looked at before and after. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Backup } from '../../src/backup/backup.ts';
import { compactBackup } from '../../src/backup/compact.ts';
import type { Compaction } from '../../src/backup/compactJob.ts';
import { openIndexForWriting } from '../../src/backup/openIndex.ts';
import { BackupReader } from '../../src/backup/reader.ts';
import { verifyBackup } from '../../src/backup/verify.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { KeyValues } from '../../src/protocol/dlist.ts';
import { writeHistory } from './syntheticHistory.ts';

export class CompactedBackup {
  readonly folder = mkdtempSync(join(tmpdir(), 'compact-'));
  readonly path = join(this.folder, 'anne_aaaaaa');

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** See writeHistory; with its index. */
  async write(changes: number, seed: number): Promise<Awaited<ReturnType<typeof writeHistory>>> {
    const history = await writeHistory(this.path, changes, seed);
    const file = await LockedFile.acquire(this.path);
    (await openIndexForWriting(file, () => undefined)).close();
    file.release();
    return history;
  }

  compact(options: Partial<Compaction> = {}): Promise<'done' | 'skipped'> {
    return compactBackup({
      path: this.path,
      horizon: -1,
      sizes: { min: 0, max: 0 },
      workThreshold: 1,
      isForced: false,
      mayDropMost: true,
      keepsPrevious: false,
      compressionLevel: 6,
      lock: {},
      swapWait: { timeoutMs: 0 },
      notice: () => undefined,
      detail: () => undefined,
      ...options,
    });
  }

  /** That verify finds. */
  async faults(): Promise<number> {
    const file = await LockedFile.acquire(this.path);
    try {
      return (await verifyBackup(file, () => undefined)).faultCount;
    } finally {
      file.release();
    }
  }

  /** As a backupd that appends to it. */
  open(): Promise<Backup> {
    writeFileSync(this.path, '', { flag: 'a' });
    const options = { stagingDirectory: this.folder, compressionLevel: 6, lockTimeoutMs: 10_000 };
    return Backup.open('anne', this.path, options, () => undefined);
  }

  looking<T>(look: (reader: BackupReader) => T): T {
    const reader = new BackupReader(this.path);
    try {
      return look(reader);
    } finally {
      reader.close();
    }
  }
}

export async function subscribe(backup: Backup, name: string): Promise<void> {
  const value = new KeyValues([
    ['USERID', 'anne'],
    ['MBOXNAME', `user.anne.${name}`],
  ]);
  await backup.append({ time: 1_750_000_000, name: 'SUB', value });
}
