/**
 * Finds or creates the folder for a mailbox. A folder that the server lists under exactly that name
 * is used. Otherwise the folder is created. CREATE shows, unlike LIST, whether the server accepts
 * the name and whether it ignores case. If the name is refused, another name is used and reported.
 */
import type { ListResponse } from 'imapflow';
import { BackupError, messageOf } from '../../errors.ts';
import type { ImapConnection } from './connection.ts';
import type { FolderNames } from './folderNames.ts';

export interface OpenedFolder {
  readonly path: string;
  readonly isNew: boolean;
  /** Undefined if the folder has its usual name. */
  readonly note: string | undefined;
}

/**
 * Refusals of CREATE that do not concern the name (RFC 5530): another name would be refused as
 * well.
 */
const NOT_THE_NAME = new Set(['OVERQUOTA', 'NOPERM', 'LIMIT', 'SERVERBUG', 'AUTHORIZATIONFAILED']);

export class FolderFinder {
  readonly #connection: ImapConnection;
  readonly #names: FolderNames;
  readonly #isPlan: boolean;
  readonly #listed: Map<string, ListResponse>;
  /** Paths by their lower case: the server's, and those created since. */
  readonly #folded = new Map<string, string[]>();
  readonly #used = new Set<string>();
  /** Paths by mailbox. */
  readonly #chosen = new Map<string, string>();

  constructor(
    connection: ImapConnection,
    names: FolderNames,
    listed: readonly ListResponse[],
    isPlan: boolean,
  ) {
    this.#connection = connection;
    this.#names = names;
    this.#isPlan = isPlan;
    this.#listed = new Map(listed.map((folder) => [folder.path, folder]));
    for (const path of this.#listed.keys()) if (this.#isListed(path)) this.#remember(path);
  }

  /** Returns the folder that a mailbox was, or would be, restored to. */
  pathOf(target: string): string {
    return this.#chosen.get(target) ?? this.#names.path(target);
  }

  isSubscribed(path: string): boolean {
    return this.#listed.get(path)?.subscribed === true;
  }

  /** Throws the server's error if the server accepts none of the names. */
  async open(target: string): Promise<OpenedFolder> {
    const before = this.#chosen.get(target);
    if (before !== undefined) return { path: before, isNew: false, note: undefined };
    const path = this.#names.path(target);
    const natural = this.#names.natural(target);
    const note = path === natural ? undefined : renamed(path, natural, 'the server cannot have it so');
    if (path === 'INBOX' || this.#isListed(path)) return this.#use(target, path, false, note);
    const blocker = this.#parentWithoutFolders(path);
    const made = blocker === undefined ? await this.#create(path) : noFoldersBelow(blocker);
    if (!(made instanceof BackupError)) return this.#use(target, path, made === 'made', note);
    const twin = this.#otherCase(path);
    if (twin !== undefined && this.#isFree(twin) && !this.#names.hasEarlierTwin(target))
      return this.#use(target, twin, false, renamed(twin, natural, 'so it is on the server'));
    for (const other of this.#names.others(target)) {
      if (!this.#isFree(other)) continue;
      const again = this.#isListed(other) ? 'exists' : await this.#create(other);
      if (again instanceof BackupError) continue;
      return this.#use(target, other, again === 'made', renamed(other, natural, messageOf(made)));
    }
    throw made;
  }

  #use(target: string, path: string, isNew: boolean, note: string | undefined): OpenedFolder {
    this.#used.add(path);
    this.#chosen.set(target, path);
    this.#remember(path);
    return { path, isNew, note };
  }

  #isListed(path: string): boolean {
    const flags = this.#listed.get(path)?.flags;
    return flags !== undefined && ![...flags].some((flag) => /^\\(?:noselect|nonexistent)$/i.test(flag));
  }

  #isFree(path: string): boolean {
    return !this.#used.has(path);
  }

  #remember(path: string): void {
    const folded = path.toLowerCase();
    const paths = this.#folded.get(folded) ?? [];
    if (!paths.includes(path)) this.#folded.set(folded, [...paths, path]);
  }

  #otherCase(path: string): string | undefined {
    return this.#folded.get(path.toLowerCase())?.find((each) => each !== path);
  }

  #parentWithoutFolders(path: string): string | undefined {
    return this.#names.parents(path).find((parent) => {
      const flags = this.#listed.get(parent)?.flags ?? [];
      return [...flags].some((flag) => /^\\noinferiors$/i.test(flag));
    });
  }

  /** Returns an error if the name is refused. Throws errors that do not concern the name. */
  async #create(path: string): Promise<'made' | 'exists' | BackupError> {
    // A plan must not create the folder, so it cannot find out whether the server accepts the name.
    if (this.#isPlan) return 'made';
    try {
      const { created } = await this.#connection.ask(`CREATE ${path}`, (client) =>
        client.mailboxCreate(path),
      );
      if (created) return 'made';
      return this.#otherCase(path) === undefined ? 'exists' : inOtherCase();
    } catch (error) {
      const isName =
        error instanceof BackupError && error.kind === 'io' && !NOT_THE_NAME.has(error.subject ?? '');
      if (!isName) throw error;
      return error;
    }
  }
}

function noFoldersBelow(parent: string): BackupError {
  return new BackupError('io', `the server allows no folders below ${parent}`);
}

function inOtherCase(): BackupError {
  return new BackupError('io', 'the server has it in another case');
}

function renamed(path: string, natural: string, why: string): string {
  return `${natural} goes to the folder ${path}: ${why}`;
}
