/** Restoring one user into files of some format: what is there by GUID is left, the rest is added. */
import { BackupError, messageOf } from '../../errors.ts';
import { getString, optionalString, toKeyValues } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import type { What } from '../cyrus/job.ts';
import { freshFields } from '../cyrus/recordText.ts';
import type { Destination, Move } from '../destination.ts';
import { folderLevels } from '../folderLevels.ts';
import { messageFailure } from '../outcome.ts';
import type { ItemOutcome, MailboxOutcome } from '../outcome.ts';
import { requireBytes } from '../source.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import type { FileFormat, FolderWriter } from './format.ts';
import { safeSegment } from './paths.ts';

export interface FilesOptions {
  readonly isPlan: boolean;
  /** A second copy of what is there. */
  readonly isCopy: boolean;
  readonly what: ReadonlySet<What>;
  readonly deletedPrefix: string;
  readonly onProgress: (outcome: MailboxOutcome) => void;
}

const PROGRESS_EVERY = 100;

export class FilesDestination implements Destination {
  readonly carries: ReadonlySet<What> = new Set(['mail', 'flags', 'sieve', 'subs']);
  readonly #format: FileFormat;
  readonly #options: FilesOptions;
  readonly #userid: string;
  #source: RestoreSource | undefined;

  constructor(format: FileFormat, userid: string, options: FilesOptions) {
    this.#format = format;
    this.#userid = userid;
    this.#options = options;
  }

  prepare(source: RestoreSource): Promise<void> {
    this.#source = source;
    return Promise.resolve();
  }

  async restoreMailbox({ selected, target }: Move, outcome: MailboxOutcome): Promise<void> {
    const { isPlan, isCopy, what, deletedPrefix, onProgress } = this.#options;
    if (!what.has('mail')) return;
    const folder = await this.#format.folder(this.#userid, folderLevels(target, deletedPrefix), isPlan);
    outcome.isNew = folder.isNew;
    const left = new Map(isCopy ? [] : folder.held);
    for (const record of selected.records()) {
      const there = left.get(record.guid) ?? 0;
      if (there > 0) {
        left.set(record.guid, there - 1);
        outcome.skipped += 1;
        continue;
      }
      await this.#add(folder, record, outcome);
      if (outcome.added % PROGRESS_EVERY === 0) onProgress(outcome);
    }
    if (!isPlan) await folder.finish();
  }

  /** Scripts and subscriptions as files beside the folders; what has no form in files is left out. */
  async restoreItems(isWholeUser: boolean): Promise<ItemOutcome[]> {
    const outcomes: ItemOutcome[] = [];
    const { what, deletedPrefix } = this.#options;
    if (!isWholeUser) return outcomes;
    const values = (kind: 'sieve' | 'active' | 'sub') =>
      (this.#source?.items(kind) ?? []).map(({ value }) => toKeyValues(parseDlist(value), kind));
    if (what.has('sieve')) {
      for (const kv of values('sieve')) {
        const name = getString(kv, 'FILENAME').replace(/\.script$/, '');
        const file = `sieve/${safeSegment(name)}.sieve`;
        outcomes.push(await this.#side('sieve', file, optionalString(kv, 'CONTENT') ?? ''));
      }
      for (const kv of values('active')) {
        const name = getString(kv, 'FILENAME').replace(/\.(?:bc|script)$/, '');
        outcomes.push(await this.#side('active script', 'sieve/active', `${name}\n`));
      }
    }
    const subscriptions = what.has('subs') ? values('sub') : [];
    if (subscriptions.length > 0) {
      const lines = subscriptions.map((kv) =>
        this.#format.subscriptionLine(folderLevels(getString(kv, 'MBOXNAME'), deletedPrefix)),
      );
      const content = Buffer.from(`${lines.join('\n')}\n`).toString('latin1');
      outcomes.push(await this.#side('subscriptions', 'subscriptions', content));
    }
    return outcomes;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #add(folder: FolderWriter, record: SourceRecord, outcome: MailboxOutcome): Promise<void> {
    try {
      if (this.#options.isPlan) requireBytes(record);
      else {
        const flags = this.#options.what.has('flags') ? freshFields(record).flags : '';
        const bytes = this.#source?.message(record.guid) ?? Buffer.alloc(0);
        await folder.add({ record, flags: flags === '' ? [] : flags.split(' '), bytes });
      }
      outcome.added += 1;
      outcome.bytes += record.size;
    } catch (error) {
      // A message that cannot be read fails alone; a disk that is full does not get better.
      const isItsOwn =
        error instanceof BackupError && (error.kind === 'damaged' || error.kind === 'not-found');
      if (!isItsOwn) throw error;
      outcome.failures.push(messageFailure(record, messageOf(error)));
    }
  }

  async #side(kind: string, name: string, content: string): Promise<ItemOutcome> {
    const isNew = await this.#format.sideFile(this.#userid, name, content, this.#options.isPlan);
    return { kind, name, action: isNew ? 'set' : 'same' };
  }
}
