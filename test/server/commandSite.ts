/** A server's commands without its sockets, at times of the test's choosing, and what is done to the backup that they make. */
import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compactBackup } from '../../src/backup/compact/compact.ts';
import { rebuildIndex } from '../../src/backup/openIndex.ts';
import { verifyBackup } from '../../src/backup/verify/verify.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import { BackupError } from '../../src/errors.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { readWireCommand } from '../../src/protocol/driver.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import { AskedFor } from '../../src/server/askedFor.ts';
import type { CommandContext } from '../../src/server/commands/context.ts';
import { commands } from '../../src/server/commands/table.ts';
import { DiskSpace } from '../../src/server/limits/diskSpace.ts';
import { OpenBackups } from '../../src/server/openBackups.ts';
import { Rounds } from '../../src/server/rounds.ts';
import { Uploads } from '../../src/server/uploads.ts';
import { sourceOf } from '../protocol/sources.ts';

export class CommandSite {
  readonly folder = mkdtempSync(join(tmpdir(), 'accepted-'));
  readonly catalog: Catalog;
  readonly answers: string[] = [];
  readonly #context: CommandContext;
  readonly #staged: Uploads;
  /** The time of the next command. */
  nowS = 0;

  constructor() {
    const data = join(this.folder, 'data');
    mkdirSync(data);
    this.catalog = Catalog.open({
      databasePath: join(this.folder, 'backups.db'),
      fullDirHash: false,
      partitions: new Map([['default', data]]),
      mode: 'random',
      exclude: [],
      softUsageLimitPercent: 0,
      usageReinit: 0,
    });
    const options = {
      stagingDirectory: this.folder,
      compressionLevel: 1,
      lockTimeoutMs: 0,
      deletedPrefix: 'DELETED',
      openBackups: 8,
    };
    const disk = new DiskSpace({ reserveBytes: 0, stagingDirectory: this.folder, partitions: [data] });
    this.#staged = new Uploads({ directory: this.folder, memoryBytes: 1 << 20, level: 1 });
    this.#context = {
      backups: new OpenBackups(this.catalog, options, {
        disk,
        notice: () => undefined,
        names: () => undefined,
        renamed: () => undefined,
      }),
      rounds: new Rounds({
        log: { synced: () => undefined, failed: () => undefined },
        status: undefined,
        host: 'test',
        missingOf: () => undefined,
        ended: () => undefined,
      }),
      staged: this.#staged,
      resending: new Set(),
      asked: new AskedFor(),
      keptBytes: 1 << 20,
      turn: () => Promise.resolve(),
      now: () => this.nowS,
      send: (answer) => {
        this.answers.push(answer);
        return Promise.resolve();
      },
      log: () => undefined,
    };
  }

  /** Whether it was accepted. Throws what is no refusal. */
  async run(command: string): Promise<boolean> {
    const upload = this.#staged.begin();
    try {
      const read = await readWireCommand(sourceOf(command), defaultLimits, {
        onFile: (file, source) => upload.add(file, source),
        onSynchronizingLiteral: () => undefined,
      });
      if (read?.name === 'MESSAGE') await this.#staged.take(upload);
      else {
        upload.abort();
        await commands.get(`${read?.verb} ${read?.name}`)?.(this.#context, read?.value ?? null);
      }
      return true;
    } catch (error) {
      if (error instanceof BackupError) return false;
      throw error;
    }
  }

  async ask(): Promise<string[]> {
    this.answers.length = 0;
    this.#context.resending.clear();
    for (const question of ['GET USER anne', 'GET ANNOTATION user.anne', 'GET QUOTA user.anne']) {
      expect(await this.run(`${question}\r\n`), question).to.equal(true);
    }
    await this.release();
    return [...this.answers];
  }

  async release(): Promise<void> {
    await this.#context.backups.release();
  }

  remove(): void {
    this.#staged.close();
    this.catalog.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** That verify finds, but for messages that were never sent. */
export async function faultsOf(path: string): Promise<string[]> {
  const file = await LockedFile.acquire(path);
  try {
    const { chunks, index } = await verifyBackup(file, () => undefined, { readsAll: true });
    return [
      ...index,
      ...chunks.flatMap(({ checksums, messages }) => [...checksums, ...messages.map(({ guid }) => guid)]),
    ];
  } finally {
    file.release();
  }
}

export async function reindex(path: string): Promise<void> {
  const file = await LockedFile.acquire(path);
  try {
    (await rebuildIndex(file, () => undefined)).index.close();
  } finally {
    file.release();
  }
}

export function compact(path: string, horizon: number): Promise<unknown> {
  return compactBackup({
    path,
    horizon,
    sizes: { min: 0, max: 0 },
    workThreshold: 1,
    isForced: true,
    mayDropMost: true,
    keepsPrevious: false,
    compressionLevel: 1,
    lock: {},
    swapWait: { timeoutMs: 0 },
    notice: () => undefined,
    detail: () => undefined,
  });
}
