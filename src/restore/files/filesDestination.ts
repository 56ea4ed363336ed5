/**
 * Restores one user into files of some format. A message that is already there is left; its bytes
 * prove that it is the same. All other messages are added. A message counts as added once it is on
 * disk under its final name. Anything that the format cannot hold is reported.
 */
import { BackupError, messageOf } from '../../errors.ts';
import { getString, optionalString, toKeyValues } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { activeSieveFile, ACTIVE_NAME, sieveFiles } from '../../mailbox/sieveNames.ts';
import { setAnnotations } from '../cyrus/annotations.ts';
import { WHAT } from '../cyrus/job.ts';
import type { Existing, What } from '../cyrus/job.ts';
import { freshFields } from '../cyrus/recordText.ts';
import type { Destination, Move } from '../destination.ts';
import { FlagLosses } from '../report/flagLosses.ts';
import { messageFailure } from '../report/outcome.ts';
import type { ItemOutcome, MailboxOutcome } from '../report/outcome.ts';
import { requireBytes } from '../source.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import type {
  FileFormat,
  FolderWriter,
  HeldMessages,
  OutgoingMessage,
  SideFile,
  UserWriter,
} from './format.ts';

export interface FilesOptions {
  readonly isPlan: boolean;
  readonly existing: Existing;
  readonly what: ReadonlySet<What>;
  readonly deletedPrefix: string;
  readonly onProgress: (outcome: MailboxOutcome) => void;
}

const PROGRESS_EVERY = 100;

/** Messages written to a folder since its last commit; a crash may still lose them. */
interface Uncommitted {
  messages: number;
  bytes: number;
}

export class FilesDestination implements Destination {
  readonly carries: ReadonlySet<What> = new Set(WHAT);
  readonly #format: FileFormat;
  readonly #options: FilesOptions;
  readonly #userid: string;
  readonly #losses = new FlagLosses();
  #source: RestoreSource | undefined;
  #user: UserWriter | undefined;
  /** How many mailboxes are still to be restored into each target. */
  readonly #toCome = new Map<string, number>();

  constructor(format: FileFormat, userid: string, options: FilesOptions) {
    this.#format = format;
    this.#userid = userid;
    this.#options = options;
  }

  prepare(source: RestoreSource, moves: readonly Move[]): Promise<void> {
    this.#source = source;
    this.#user = this.#format.user(this.#userid, this.#options);
    for (const { target } of moves) this.#toCome.set(target, (this.#toCome.get(target) ?? 0) + 1);
    return Promise.resolve();
  }

  async restoreMailbox({ selected, target }: Move, outcome: MailboxOutcome): Promise<void> {
    const toCome = (this.#toCome.get(target) ?? 1) - 1;
    this.#toCome.set(target, toCome);
    if (!this.#options.what.has('mail')) return;
    const folder = await this.#open().folder(target, selected.mailbox);
    outcome.isNew = folder.isNew;
    const uncommitted: Uncommitted = { messages: 0, bytes: 0 };
    try {
      const held = this.#options.existing === 'copy' ? undefined : await folder.held();
      for (const record of selected.records()) await this.#one(folder, held, record, outcome, uncommitted);
      if (!this.#options.isPlan) await folder.finish(toCome === 0);
    } catch (error) {
      await this.#giveUp(folder, outcome, uncommitted);
      throw error;
    } finally {
      this.#losses.report(outcome);
      outcome.notes.push(...folder.notes);
    }
  }

  /** Writes scripts, subscriptions, quota and seen state as files beside the folders. */
  async restoreItems(isWholeUser: boolean): Promise<ItemOutcome[]> {
    if (!isWholeUser) return [];
    const { what } = this.#options;
    const outcomes: ItemOutcome[] = [];
    if (what.has('sieve')) outcomes.push(...(await this.#scripts()));
    const lines = (what.has('subs') ? this.#values('sub') : []).map((kv) =>
      this.#open().subscriptionLine(getString(kv, 'MBOXNAME')),
    );
    if (lines.length > 0) {
      const bytes = Buffer.from(`${lines.join('\n')}\n`);
      outcomes.push(await this.#side('subscriptions', 'subscriptions', bytes, 'lines'));
    }
    const others = (['quota', 'seen'] as const)
      .filter((kind) => what.has(kind))
      .flatMap((kind) =>
        (this.#source?.items(kind) ?? []).map(({ value }) => `${kind.toUpperCase()} ${value}\n`),
      );
    if (others.length > 0) {
      const bytes = Buffer.from(others.join(''), 'latin1');
      outcomes.push(await this.#side('quota and seen', 'cyrus-backups-items', bytes, 'ours'));
    }
    return outcomes;
  }

  close(): Promise<void> {
    this.#user?.close();
    return Promise.resolve();
  }

  #open(): UserWriter {
    if (this.#user === undefined) throw new Error('prepare comes first');
    return this.#user;
  }

  async #one(
    folder: FolderWriter,
    held: HeldMessages | undefined,
    record: SourceRecord,
    outcome: MailboxOutcome,
    uncommitted: Uncommitted,
  ): Promise<void> {
    if (held?.take(record, () => this.#message(record, []).pieces()) === true) {
      outcome.skipped += 1;
      return;
    }
    const message = this.#read(record, outcome);
    if (message === undefined) return;
    if (message !== 'plan') await this.#add(folder, message);
    uncommitted.messages += 1;
    uncommitted.bytes += record.size;
    outcome.added += 1;
    outcome.bytes += record.size;
    const { messages, bytes } = this.#open().batch;
    if (uncommitted.messages >= messages || uncommitted.bytes >= bytes) {
      if (!this.#options.isPlan) await folder.commit();
      uncommitted.messages = 0;
      uncommitted.bytes = 0;
    }
    if (outcome.added % PROGRESS_EVERY === 0) this.#options.onProgress(outcome);
  }

  /**
   * Returns undefined, and reports a failure, if the backup lacks the message or holds damaged
   * bytes of it. Only that message fails. Other errors, such as a full disk, are thrown, because
   * they would recur with the next message.
   */
  #read(record: SourceRecord, outcome: MailboxOutcome): OutgoingMessage | 'plan' | undefined {
    try {
      if (this.#options.isPlan) {
        requireBytes(record);
        return 'plan';
      }
      const { what } = this.#options;
      const flags = what.has('flags') ? freshFields(record).flags : '';
      return this.#message(record, flags === '' ? [] : flags.split(' '));
    } catch (error) {
      const isItsOwn =
        error instanceof BackupError && (error.kind === 'damaged' || error.kind === 'not-found');
      if (!isItsOwn) throw error;
      outcome.failures.push(messageFailure(record, messageOf(error)));
      return undefined;
    }
  }

  #message(record: SourceRecord, flags: readonly string[]): OutgoingMessage {
    const source = this.#source;
    if (source === undefined) throw new Error('prepare comes first');
    return { record, flags, pieces: source.checked(record.guid, record.size) };
  }

  async #add(folder: FolderWriter, message: OutgoingMessage): Promise<void> {
    const { uid, annotations } = message.record;
    for (const { what, why } of await folder.add(message)) this.#losses.addOther(what, uid, why);
    if (!this.#options.what.has('annotations') || folder.holdsAnnotations) return;
    for (const entry of setAnnotations(annotations)) {
      this.#losses.addOther(`annotation ${entry}`, uid, 'only a zip holds annotations of messages');
    }
  }

  /** After an error, commits what was already written if the format can; otherwise discards it. */
  async #giveUp(folder: FolderWriter, outcome: MailboxOutcome, uncommitted: Uncommitted): Promise<void> {
    try {
      if (this.#open().batch.messages !== Infinity && !this.#options.isPlan) {
        await folder.commit();
        return;
      }
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
    }
    folder.abandon();
    outcome.added -= uncommitted.messages;
    outcome.bytes -= uncommitted.bytes;
  }

  async #scripts(): Promise<ItemOutcome[]> {
    const outcomes: ItemOutcome[] = [];
    const scripts = this.#values('sieve');
    const files = sieveFiles(scripts.map((kv) => getString(kv, 'FILENAME')));
    for (const kv of scripts) {
      const file = files.get(getString(kv, 'FILENAME'));
      if (file === undefined) continue;
      const content = Buffer.from(optionalString(kv, 'CONTENT') ?? '', 'latin1');
      outcomes.push(await this.#side('sieve', `sieve/${file}`, content));
    }
    for (const kv of this.#values('active')) {
      const name = getString(kv, 'FILENAME');
      const file = activeSieveFile(name, files) ?? name;
      const content = Buffer.from(`${file.replace(/\.sieve$/, '')}\n`);
      outcomes.push(await this.#side('active script', `sieve/${ACTIVE_NAME}`, content));
    }
    return outcomes;
  }

  #values(kind: 'sieve' | 'active' | 'sub') {
    return (this.#source?.items(kind) ?? []).map(({ value }) => toKeyValues(parseDlist(value), kind));
  }

  #side(kind: string, path: string, bytes: Buffer, there: SideFile['there'] = 'stays'): Promise<ItemOutcome> {
    return this.#open().sideFile({ kind, path, bytes, there });
  }
}
