/** A backup server without its sockets, on the current disk: one life of the process, in a store. */
import { join } from 'node:path';
import { Catalog } from '../../../src/catalog/catalog.ts';
import { readWireCommand } from '../../../src/protocol/driver.ts';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { AskedFor } from '../../../src/server/askedFor.ts';
import type { CommandContext } from '../../../src/server/commands/context.ts';
import { commands } from '../../../src/server/commands/table.ts';
import { DiskSpace } from '../../../src/server/limits/diskSpace.ts';
import { OpenBackups } from '../../../src/server/openBackups.ts';
import { Rounds } from '../../../src/server/rounds.ts';
import { Uploads } from '../../../src/server/uploads.ts';
import { sourceOf } from '../../protocol/sources.ts';

const COMPRESSION_LEVEL = 1;
/** Messages beyond this are staged in a file. */
const STAGED_IN_MEMORY_BYTES = 6000;

export interface Folders {
  readonly conf: string;
  readonly partitions: readonly [string, string];
  readonly staging: string;
}

export function foldersIn(root: string): Folders {
  return {
    conf: join(root, 'conf'),
    partitions: [join(root, 'one'), join(root, 'two')],
    staging: join(root, 'staging'),
  };
}

export const databaseIn = ({ conf }: Folders): string => join(conf, 'backups.db');

export class Store {
  readonly catalog: Catalog;
  readonly notices: string[] = [];
  readonly backups: OpenBackups;
  readonly #uploads: Uploads;
  readonly #context: CommandContext;

  /** Throws what opening the catalogue throws. */
  constructor(folders: Folders, now: () => number) {
    const [one, two] = folders.partitions;
    this.catalog = Catalog.open({
      databasePath: databaseIn(folders),
      fullDirHash: false,
      partitions: new Map([
        ['default', one],
        ['two', two],
      ]),
      mode: 'random',
      exclude: [],
      softUsageLimitPercent: 0,
      usageReinit: 0,
    });
    const options = {
      stagingDirectory: folders.staging,
      compressionLevel: COMPRESSION_LEVEL,
      lockTimeoutMs: 0,
      deletedPrefix: 'DELETED',
      openBackups: 8,
    };
    const space = { reserveBytes: 0, stagingDirectory: folders.staging, partitions: [one, two] };
    const notice = (message: string): void => void this.notices.push(message);
    this.#uploads = new Uploads({
      directory: folders.staging,
      memoryBytes: STAGED_IN_MEMORY_BYTES,
      level: COMPRESSION_LEVEL,
    });
    this.backups = new OpenBackups(this.catalog, options, {
      disk: new DiskSpace(space),
      notice,
      names: () => undefined,
      renamed: () => undefined,
    });
    this.#context = {
      backups: this.backups,
      rounds: new Rounds({
        log: { synced: () => undefined, failed: () => undefined },
        status: undefined,
        host: 'simulated',
        missingOf: () => undefined,
        ended: () => undefined,
      }),
      staged: this.#uploads,
      resending: new Set(),
      asked: new AskedFor(),
      keptBytes: 1 << 20,
      turn: () => Promise.resolve(),
      now,
      send: () => Promise.resolve(),
      log: () => undefined,
    };
  }

  /**
   * Runs a command of a master. Returns why it was refused, as a session does with any error;
   * undefined if it was accepted.
   */
  async run(command: string): Promise<Error | undefined> {
    const upload = this.#uploads.begin();
    try {
      const read = await readWireCommand(sourceOf(command), defaultLimits, {
        onFile: (file, source) => upload.add(file, source),
        onSynchronizingLiteral: () => undefined,
      });
      if (read?.name === 'MESSAGE') await this.#uploads.take(upload);
      else {
        upload.abort();
        const handler = commands.get(`${read?.verb} ${read?.name}`);
        if (handler === undefined) throw new Error(`no such command: ${command}`);
        await this.backups.withSoundIndexes(
          () => handler(this.#context, read?.value ?? null),
          () => false,
        );
      }
      return undefined;
    } catch (error) {
      upload.abort();
      return error as Error;
    }
  }

  /** Ends the session, as RESTART does. */
  async release(): Promise<void> {
    this.#context.resending.clear();
    await this.backups.release();
  }

  /** Ends the process in good order. */
  async close(): Promise<void> {
    await this.release();
    this.#uploads.close();
    this.catalog.close();
  }
}
