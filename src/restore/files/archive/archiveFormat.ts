/**
 * The common part of tar and zip: one archive file for all users, in which each folder is a path.
 */
import type { Mailbox } from '../../../index/types.ts';
import { fileName } from '../../../mailbox/fileName.ts';
import type { ArchiveOutput } from './output.ts';
import { Claims } from '../claims.ts';
import type {
  FileFormat,
  FolderWriter,
  FormatOptions,
  HeldMessages,
  SideFile,
  UserWriter,
} from '../format.ts';
import type { SourceRecord } from '../../source.ts';

export interface Archiver {
  add(path: string, sizeBytes: number, pieces: Iterable<Buffer>, mtimeS: number): Promise<void>;
  /** Resolves once everything is written to the output. */
  end(): Promise<void>;
}

export interface ArchiveLayout {
  /** Returns the folder's path below the user's; '' for the user's own folder. */
  folderPath(mailbox: string, deletedPrefix: string): string;
  /**
   * Returns an alternative path, for when the first one clashes with another folder of this
   * archive.
   */
  otherPath(path: string, mailbox: string): string;
  subscriptionLine(path: string): string;
  folder(path: string, target: string, mailbox: Mailbox): ArchiveFolder;
  /** Folders with the same key clash in this archive. */
  readonly key: (path: string) => string;
}

/** The part of an archive folder that differs between tar and zip. */
export type ArchiveFolder = Pick<FolderWriter, 'add' | 'holdsAnnotations'> & { finish(): Promise<void> };

export async function addText(archiver: Archiver, path: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  await archiver.add(path, bytes.length, [bytes], Math.floor(Date.now() / 1000));
}

const folded = (path: string): string => path.normalize('NFC').toLowerCase();

export function archiveFormat(
  archiver: Archiver,
  output: ArchiveOutput,
  layout: ArchiveLayout,
  userKey: (name: string) => string,
): FileFormat {
  const users = new Claims({ key: userKey });
  return {
    user(userid, options) {
      const name = fileName(userid);
      const folder = users.claim(userid, [name, layout.otherPath(name, userid)]);
      return new ArchiveUser(folder, archiver, layout, options);
    },
    async finish() {
      try {
        await archiver.end();
        await output.finish();
      } catch (error) {
        output.abandon();
        throw error;
      }
    },
    abandon: () => output.abandon(),
  };
}

class ArchiveUser implements UserWriter {
  readonly batch = { messages: Infinity, bytes: Infinity };
  readonly #name: string;
  readonly #archiver: Archiver;
  readonly #layout: ArchiveLayout;
  readonly #options: FormatOptions;
  readonly #claims: Claims;
  readonly #folded = new Map<string, string>();
  /** Folders into which more mailboxes will be restored. */
  readonly #open = new Map<string, OpenFolder>();

  constructor(name: string, archiver: Archiver, layout: ArchiveLayout, options: FormatOptions) {
    this.#name = name;
    this.#archiver = archiver;
    this.#layout = layout;
    this.#options = options;
    this.#claims = new Claims({ key: layout.key });
  }

  folder(target: string, mailbox: Mailbox): Promise<FolderWriter> {
    const open = this.#open.get(target);
    if (open !== undefined) return Promise.resolve(open.again());
    const usual = this.#layout.folderPath(target, this.#options.deletedPrefix);
    const path = this.#claims.claim(target, [usual, this.#layout.otherPath(usual, target)]);
    const full = path === '' ? this.#name : `${this.#name}/${path}`;
    const notes =
      path === usual ? [] : [`in ${path}: another folder's name differs from ${usual} only in case`];
    const twin = this.#folded.get(folded(path)) ?? path;
    if (twin !== path) notes.push(`${path} differs from ${twin} only in case: unpack it where case counts`);
    this.#folded.set(folded(path), path);
    const made = this.#layout.folder(full, target, mailbox);
    const folder = new OpenFolder(full, made, notes, () => this.#open.delete(target));
    this.#open.set(target, folder);
    return Promise.resolve(folder);
  }

  async sideFile({ kind, path, bytes }: SideFile): ReturnType<UserWriter['sideFile']> {
    if (!this.#options.isPlan) {
      await this.#archiver.add(`${this.#name}/${path}`, bytes.length, [bytes], Math.floor(Date.now() / 1000));
    }
    return { kind, name: path, action: 'set' };
  }

  subscriptionLine(mailbox: string): string {
    const path =
      this.#claims.pathOf(mailbox) ?? this.#layout.folderPath(mailbox, this.#options.deletedPrefix);
    return this.#layout.subscriptionLine(path);
  }

  close(): void {
    this.#open.clear();
  }
}

class OpenFolder implements FolderWriter {
  readonly name: string;
  readonly notes: readonly string[];
  isNew = true;
  readonly #folder: ArchiveFolder;
  readonly #onEnd: () => void;
  /** The number of copies of each GUID that earlier mailboxes added. */
  #counts = new Map<string, number>();
  #added: string[] = [];

  constructor(name: string, folder: ArchiveFolder, notes: readonly string[], onEnd: () => void) {
    this.name = name;
    this.#folder = folder;
    this.notes = notes;
    this.#onEnd = onEnd;
  }

  get holdsAnnotations(): boolean {
    return this.#folder.holdsAnnotations;
  }

  again(): this {
    this.isNew = false;
    return this;
  }

  held(): Promise<HeldMessages> {
    for (const guid of this.#added) this.#counts.set(guid, (this.#counts.get(guid) ?? 0) + 1);
    this.#added = [];
    const left = new Map(this.#counts);
    return Promise.resolve({
      take({ guid }: SourceRecord) {
        const copies = left.get(guid) ?? 0;
        left.set(guid, copies - 1);
        return copies > 0;
      },
    });
  }

  add(message: Parameters<FolderWriter['add']>[0]): ReturnType<FolderWriter['add']> {
    this.#added.push(message.record.guid);
    return this.#folder.add(message);
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  async finish(isLast: boolean): Promise<void> {
    if (!isLast) return;
    this.#onEnd();
    await this.#folder.finish();
  }

  abandon(): void {
    // Data written to an archive cannot be removed from it.
  }
}
